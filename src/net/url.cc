#include "net/url.h"

#include <algorithm>
#include <optional>

#include "base/strings.h"

namespace datashim::net {
namespace {

constexpr std::uint16_t kHttpPort = 80;
constexpr std::uint16_t kHttpsPort = 443;
// RFC 1035: 255 octets on the wire are 253 characters.
constexpr std::size_t kHostBytesMax = 253;

Error Invalid(std::string_view why) {
  return {ErrorCode::kInvalidArgument, "URL: " + std::string(why)};
}

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsAlphanumeric(char c) {
  return IsDigit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool IsHexDigit(char c) {
  return IsDigit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

Status CheckHost(std::string_view host, bool is_ipv6) {
  if (host.empty()) return Invalid("it has no host");
  if (host.size() > kHostBytesMax) return Invalid("the host is too long");
  if (is_ipv6) {
    const bool ok =
        host.find(':') != host.npos && std::ranges::all_of(host, [](char c) {
          return IsHexDigit(c) || c == ':' || c == '.';
        });
    return ok ? OkStatus() : Invalid("the address in brackets is no IPv6");
  }
  // '_' is in no host name of the DNS, but is in those of Docker and others.
  const bool ok = std::ranges::all_of(host, [](char c) {
    return IsAlphanumeric(c) || c == '-' || c == '.' || c == '_';
  });
  if (!ok) return Invalid("the host has a character that no host may have");
  if (host.front() == '.' || host.find("..") != host.npos) {
    return Invalid("the host has an empty label");
  }
  return OkStatus();
}

// "host", "host:port", "[ipv6]" or "[ipv6]:port".
Result<Origin> ParseAuthority(std::string_view text, bool tls) {
  Origin origin{tls, {}, tls ? kHttpsPort : kHttpPort};
  std::string_view host = text;
  std::optional<std::string_view> port;
  const bool is_ipv6 = text.starts_with('[');
  if (is_ipv6) {
    const std::size_t close = text.find(']');
    if (close == text.npos) return Invalid("a bracket is not closed");
    host = text.substr(1, close - 1);
    const std::string_view rest = text.substr(close + 1);
    if (!rest.empty() && rest[0] != ':') {
      return Invalid("text between address and port");
    }
    if (!rest.empty()) port = rest.substr(1);
  } else if (const std::size_t colon = text.find(':'); colon != text.npos) {
    host = text.substr(0, colon);
    port = text.substr(colon + 1);
  }
  DS_RETURN_IF_ERROR(CheckHost(host, is_ipv6));
  origin.host = ToLower(host);
  if (port) {
    const auto number = ParseInt(*port, 1, 65535);
    if (!number) return Invalid("the port is not in 1..65535");
    origin.port = static_cast<std::uint16_t>(*number);
  }
  return origin;
}

}  // namespace

std::string Origin::HostHeader() const {
  std::string text = host.find(':') == host.npos ? host : "[" + host + "]";
  if (port != (tls ? kHttpsPort : kHttpPort)) {
    text += ":" + std::to_string(port);
  }
  return text;
}

std::string Origin::ToString() const {
  return (tls ? "https://" : "http://") + HostHeader();
}

std::string Url::Target() const {
  return query.empty() ? path : path + "?" + query;
}

std::string Url::ToString() const { return origin.ToString() + Target(); }

Result<Url> ParseUrl(std::string_view text) {
  if (text.size() > kUrlBytesMax) return Invalid("it is longer than 8 KiB");
  for (const char c : text) {
    if (c <= ' ' || c > '~') {
      return Invalid("it has a space, a control or a non-ASCII character");
    }
  }
  const std::size_t colon = text.find("://");
  if (colon == text.npos) {
    return Invalid("it does not start with http:// or https://");
  }
  const bool tls = EqualsIgnoreCase(text.substr(0, colon), "https");
  if (!tls && !EqualsIgnoreCase(text.substr(0, colon), "http")) {
    return Invalid("the scheme is neither http nor https");
  }
  text.remove_prefix(colon + 3);
  if (text.find('#') != text.npos) return Invalid("it has a fragment (#)");
  const std::size_t end = std::min(text.find_first_of("/?"), text.size());
  if (text.substr(0, end).find('@') != text.npos) {
    return Invalid("it has a user name or password; put keys into the Secret");
  }
  DS_ASSIGN_OR_RETURN(Origin origin, ParseAuthority(text.substr(0, end), tls));
  text.remove_prefix(end);

  Url url{std::move(origin), {}, {}};
  const std::size_t mark = std::min(text.find('?'), text.size());
  url.path = text.substr(0, mark);
  if (url.path.empty()) url.path = "/";
  if (mark < text.size()) url.query = text.substr(mark + 1);
  return url;
}

}  // namespace datashim::net
