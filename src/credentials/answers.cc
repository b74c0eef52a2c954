#include "credentials/answers.h"

#include <algorithm>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <pugixml.hpp>
#include <utility>

#include "base/strings.h"
#include "s3/http_date.h"

namespace datashim::credentials {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kCodeBytesMax = 64;
constexpr std::size_t kMessageBytesMax = 256;
constexpr std::size_t kRoleNameBytesMax = 128;
constexpr std::int64_t kBearerSecondsMax = 24 * 3600;

Error Malformed(std::string_view why) {
  return {ErrorCode::kDataLoss,
          "the answer is not what such a server sends: " + std::string(why)};
}

bool IsLetterOrDigit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         (c >= '0' && c <= '9');
}

Result<SecretString> Value(std::string_view name, std::string_view text) {
  auto value = ParseToken(text);
  if (value.ok()) return value;
  return Malformed(std::string(name) + " is missing or no such thing");
}

/// The parts of an answer, whatever its format.
Result<TimedCredentials> MakeCredentials(std::string_view id,
                                         std::string_view secret,
                                         std::string_view token,
                                         std::string_view expiration) {
  TimedCredentials timed;
  DS_ASSIGN_OR_RETURN(timed.credentials.access_key_id,
                      Value("AccessKeyId", id));
  DS_ASSIGN_OR_RETURN(timed.credentials.secret_access_key,
                      Value("SecretAccessKey", secret));
  DS_ASSIGN_OR_RETURN(timed.credentials.session_token,
                      Value("the session token", token));
  const auto expires_at = s3::ParseIsoDate(TrimSpace(expiration));
  if (!expires_at) return Malformed("Expiration is missing or no time");
  timed.expires_at = *expires_at;
  return timed;
}

/// No DTD is loaded and no entity of one expanded.
bool Load(pugi::xml_document& document, std::string_view xml) {
  return static_cast<bool>(document.load_buffer(
      xml.data(), xml.size(), pugi::parse_default, pugi::encoding_utf8));
}

/// null for anything but an object.
Json ParseObject(std::string_view text) {
  Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  return json.is_object() ? json : Json();
}

/// The first of the fields that is a text; else empty. The view is of `object`.
std::string_view Text(const Json& object,
                      std::initializer_list<const char*> names) {
  for (const char* const name : names) {
    const auto field = object.find(name);
    if (field != object.end() && field->is_string()) {
      return field->get_ref<const std::string&>();
    }
  }
  return {};
}

std::optional<ServiceError> MakeError(std::string_view code,
                                      std::string_view message) {
  if (code.empty() || code.size() > kCodeBytesMax ||
      !std::ranges::all_of(code, [](char c) {
        return IsLetterOrDigit(c) || c == '.' || c == '_' || c == '-';
      })) {
    return std::nullopt;
  }
  ServiceError error{std::string(code),
                     std::string(message.substr(0, kMessageBytesMax))};
  std::ranges::replace_if(
      error.message, [](char c) { return c < ' ' || c > '~'; }, '?');
  return error;
}

}  // namespace

Result<SecretString> ParseToken(std::string_view text) {
  text = TrimSpace(text);
  if (text.empty() || text.size() > kValueBytesMax ||
      !std::ranges::all_of(text, [](char c) { return c > ' ' && c <= '~'; })) {
    return Malformed("there is no token");
  }
  return SecretString(std::string(text));
}

Result<TimedCredentials> ParseStsAnswer(std::string_view xml) {
  pugi::xml_document document;
  if (!Load(document, xml)) return Malformed("it is no XML");
  // <AssumeRoleResponse><AssumeRoleResult><Credentials>, or …WithWebIdentity….
  const pugi::xml_node response = document.document_element();
  for (const pugi::xml_node result : response.children()) {
    const pugi::xml_node node = result.child("Credentials");
    if (!node) continue;
    return MakeCredentials(
        node.child_value("AccessKeyId"), node.child_value("SecretAccessKey"),
        node.child_value("SessionToken"), node.child_value("Expiration"));
  }
  return Malformed("there are no <Credentials>");
}

Result<TimedCredentials> ParseKeysDocument(std::string_view text) {
  const Json json = ParseObject(text);
  if (json.is_null()) return Malformed("it is no JSON object");
  const std::string_view code = Text(json, {"Code"});
  if (!code.empty() && code != "Success") {
    return Malformed("its Code is not Success");
  }
  return MakeCredentials(
      Text(json, {"AccessKeyId"}), Text(json, {"SecretAccessKey"}),
      Text(json, {"Token", "SessionToken"}), Text(json, {"Expiration"}));
}

Result<std::string> ParseRoleName(std::string_view text) {
  const std::string_view name = TrimSpace(text.substr(0, text.find('\n')));
  // IAM: "upper and lowercase alphanumeric characters … _+=,.@-".
  if (name.empty() || name.size() > kRoleNameBytesMax ||
      !std::ranges::all_of(name, [](char c) {
        return IsLetterOrDigit(c) ||
               std::string_view("_+=,.@-").find(c) != std::string_view::npos;
      })) {
    return Malformed("there is no name of a role");
  }
  return std::string(name);
}

Result<BearerToken> ParseBearerToken(std::string_view text) {
  const Json json = ParseObject(text);
  if (json.is_null()) return Malformed("it is no JSON object");
  BearerToken bearer;
  DS_ASSIGN_OR_RETURN(bearer.token,
                      Value("access_token", Text(json, {"access_token"})));
  const auto expires_in = json.find("expires_in");
  if (expires_in == json.end() || !expires_in->is_number_integer()) {
    return Malformed("expires_in is missing or no number");
  }
  const auto seconds = expires_in->get<std::int64_t>();
  if (seconds <= 0 || seconds > kBearerSecondsMax) {
    return Malformed("expires_in is out of range");
  }
  bearer.lifetime = std::chrono::seconds(seconds);
  return bearer;
}

std::optional<ServiceError> ParseStsError(std::string_view xml) {
  pugi::xml_document document;
  if (!Load(document, xml)) return std::nullopt;
  const pugi::xml_node root = document.document_element();
  // MinIO answers some requests as S3 does, without <ErrorResponse>.
  const pugi::xml_node error =
      std::string_view(root.name()) == "Error" ? root : root.child("Error");
  return MakeError(error.child_value("Code"), error.child_value("Message"));
}

std::optional<ServiceError> ParseJsonError(std::string_view text) {
  const Json json = ParseObject(text);
  if (json.is_null()) return std::nullopt;
  return MakeError(Text(json, {"errorCode", "code", "Code"}),
                   Text(json, {"errorMessage", "message", "Message"}));
}

}  // namespace datashim::credentials
