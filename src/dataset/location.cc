#include "dataset/location.h"

#include <algorithm>

#include "base/strings.h"
#include "dataset/characters.h"

namespace datashim::dataset {
namespace {

constexpr std::size_t kHostBytesMax = 255;     // RFC 1035
constexpr std::size_t kPrefixBytesMax = 1024;  // S3's longest key.
constexpr std::size_t kRegionBytesMax = 64;
// An AWS session token has no stated limit; those of today have under 2 KiB.
constexpr std::size_t kKeyBytesMax = 16 * 1024;

Error Invalid(std::string message) {
  return {ErrorCode::kInvalidArgument, std::move(message)};
}

bool HasControlCharacter(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
  });
}

// "host", "host:port" or "[v6]:port".
Status CheckAuthority(std::string_view authority) {
  std::string_view host = authority;
  std::string_view port;
  bool has_port = false;
  if (authority.starts_with('[')) {
    const std::size_t end = authority.find(']');
    if (end == std::string_view::npos) return Invalid("has no ']' after '['");
    host = authority.substr(1, end - 1);
    const std::string_view rest = authority.substr(end + 1);
    has_port = rest.starts_with(':');
    if (!rest.empty() && !has_port) return Invalid("has text after ']'");
    if (has_port) port = rest.substr(1);
    if (!ConsistsOf(host, ":.")) return Invalid("has a wrong IPv6 address");
  } else {
    const std::size_t colon = authority.find(':');
    has_port = colon != std::string_view::npos;
    host = authority.substr(0, colon);
    if (has_port) port = authority.substr(colon + 1);
    if (!ConsistsOf(host, ".-_")) return Invalid("has a wrong host name");
  }
  if (host.empty()) return Invalid("has no host");
  if (host.size() > kHostBytesMax) return Invalid("has a too long host name");
  if (has_port && !ParseInt(port, 1, 65535)) return Invalid("has a wrong port");
  return OkStatus();
}

}  // namespace

Result<std::string> ParseEndpoint(std::string_view text) {
  std::string_view rest = text;
  if (rest.starts_with("https://")) {
    rest.remove_prefix(8);
  } else if (rest.starts_with("http://")) {
    rest.remove_prefix(7);
  } else {
    return Invalid("must start with http:// or https://");
  }
  if (rest.find('@') != std::string_view::npos) {
    return Invalid("must not hold a user or a password");
  }
  if (rest.ends_with('/')) {
    rest.remove_suffix(1);
    text.remove_suffix(1);
  }
  if (rest.find_first_of("/?#") != std::string_view::npos) {
    return Invalid(
        "must end after host and port; bucket and folder belong in the key "
        "bucket");
  }
  DS_RETURN_IF_ERROR(CheckAuthority(rest));
  return std::string(text);
}

Status CheckBucket(std::string_view bucket) {
  if (bucket.size() < 3 || bucket.size() > 255) {
    return Invalid("the bucket's name must have 3 to 63 characters");
  }
  if (!ConsistsOf(bucket, ".-_")) {
    return Invalid(
        "the bucket's name may hold only letters, digits, '.', '-' and '_'");
  }
  if (!IsLetterOrDigit(bucket.front()) || !IsLetterOrDigit(bucket.back())) {
    return Invalid(
        "the bucket's name must start and end with a letter or digit");
  }
  if (bucket.find("..") != std::string_view::npos) {
    return Invalid("the bucket's name must not hold '..'");
  }
  return OkStatus();
}

Result<std::string> ParsePrefix(std::string_view folder) {
  while (folder.starts_with('/')) folder.remove_prefix(1);
  while (folder.ends_with('/')) folder.remove_suffix(1);
  if (folder.empty()) return std::string();
  if (folder.size() >= kPrefixBytesMax) {
    return Invalid("the folder must be shorter than 1024 bytes");
  }
  if (HasControlCharacter(folder)) {
    return Invalid("the folder must not hold control characters");
  }
  for (const std::string_view part : Split(folder, '/')) {
    if (part.empty() || part == "." || part == "..") {
      return Invalid("the folder must not hold empty parts, '.' or '..'");
    }
  }
  return std::string(folder) + "/";
}

Status CheckRegion(std::string_view region) {
  if (region.size() > kRegionBytesMax || !ConsistsOf(region, "-_")) {
    return Invalid("is no region such as us-east-1");
  }
  return OkStatus();
}

Result<SecretString> ParseKey(const SecretString& text) {
  const std::string_view key = TrimSpace(text.Reveal());
  if (key.size() > kKeyBytesMax) return Invalid("is too long");
  if (std::any_of(key.begin(), key.end(),
                  [](char c) { return c <= 0x20 || c >= 0x7f; })) {
    return Invalid("must be printable ASCII without spaces");
  }
  return SecretString(std::string(key));
}

Status CheckKeyPair(const SecretString& access_key_id,
                    const SecretString& secret_access_key) {
  if (access_key_id.empty() == secret_access_key.empty()) return OkStatus();
  const bool id_is_empty = access_key_id.empty();
  return Invalid(std::string(id_is_empty ? "accessKeyID" : "secretAccessKey") +
                 " is empty but " +
                 (id_is_empty ? "secretAccessKey" : "accessKeyID") +
                 " is not; both empty mean anonymous access");
}

}  // namespace datashim::dataset
