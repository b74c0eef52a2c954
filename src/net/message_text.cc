#include "net/message_text.h"

#include <algorithm>
#include <string_view>

#include "base/strings.h"

namespace datashim::net {
namespace {

// RFC 9110 §5.6.2.
bool IsTokenCharacter(char c) {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         (c >= '0' && c <= '9') || kMarks.find(c) != kMarks.npos;
}

bool IsToken(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, IsTokenCharacter);
}

bool IsTarget(std::string_view text) {
  return text.starts_with('/') &&
         std::ranges::all_of(text, [](char c) { return c > ' ' && c <= '~'; });
}

bool IsFieldValue(std::string_view text) {
  return std::ranges::none_of(
      text, [](char c) { return c == '\r' || c == '\n' || c == '\0'; });
}

// Fields that say where a message goes or ends: the client's alone.
bool IsReserved(std::string_view name) {
  constexpr std::string_view kNames[] = {"host", "content-length",
                                         "transfer-encoding", "connection"};
  return std::ranges::any_of(kNames, [&](std::string_view reserved) {
    return EqualsIgnoreCase(name, reserved);
  });
}

bool IsField(std::string_view name, std::string_view value) {
  return IsToken(name) && !IsReserved(name) && IsFieldValue(value);
}

Error Invalid(std::string_view why) {
  return {ErrorCode::kInvalidArgument, "HTTP request: " + std::string(why)};
}

}  // namespace

Result<std::string> FormatRequestHead(const HttpCall& call) {
  if (!IsToken(call.method)) return Invalid("the method is no token");
  if (!IsTarget(call.target)) {
    return Invalid("the target is no percent-encoded path");
  }
  std::string text;
  text.reserve(512);
  text.append(call.method).append(" ").append(call.target);
  text.append(" HTTP/1.1\r\nHost: ").append(call.origin.HostHeader());
  for (const auto& [name, value] : call.headers) {
    if (!IsToken(name) || IsReserved(name)) {
      return Invalid("a field may not be named \"" + name + "\"");
    }
    if (!IsFieldValue(value)) {
      return Invalid("the value of " + name + " has a line break or NUL");
    }
    text.append("\r\n").append(name).append(": ").append(value);
  }
  const bool takes_body =
      call.method == "PUT" || call.method == "POST" || call.method == "PATCH";
  if (takes_body || !call.body.empty()) {
    text.append("\r\nContent-Length: ");
    text.append(std::to_string(call.body.size()));
  }
  text.append("\r\n\r\n");
  return text;
}

std::string FormatResponseHead(const HttpResponse& response, bool keep_alive) {
  const bool valid = response.status >= 200 && response.status <= 599 &&
                     std::ranges::all_of(
                         response.headers, [](const HttpHeaders::Field& field) {
                           return IsField(field.first, field.second);
                         });
  // RFC 9112 §4: the reason may be empty.
  std::string text =
      "HTTP/1.1 " + std::to_string(valid ? response.status : 500) + " \r\n";
  if (valid) {
    for (const auto& [name, value] : response.headers) {
      text.append(name).append(": ").append(value).append("\r\n");
    }
  }
  text.append("Content-Length: ").append(std::to_string(response.body.size()));
  if (!keep_alive) text.append("\r\nConnection: close");
  text.append("\r\n\r\n");
  return text;
}

}  // namespace datashim::net
