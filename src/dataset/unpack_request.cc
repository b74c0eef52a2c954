#include "dataset/unpack_request.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <initializer_list>
#include <utility>

#include "base/check.h"
#include "base/strings.h"
#include "dataset/location.h"

namespace datashim::dataset {
namespace {

constexpr std::string_view kOriginPrefix = "source.";
constexpr std::size_t kUrlBytesMax = 4096;
constexpr std::size_t kSha256Digits = 64;
constexpr std::size_t kObjectKeyBytesMax = 1024;  // S3.
constexpr std::string_view kObjectScheme = "s3://";

struct FormatName {
  std::string_view name;
  ArchiveFormat format;
};
// Media types of compressed files are taken for tars, since nothing else that
// is compressed is an archive.
constexpr FormatName kFormatNames[] = {
    {"tar", ArchiveFormat::kTar},
    {"tar.gz", ArchiveFormat::kTar},
    {"tgz", ArchiveFormat::kTar},
    {"tar.bz2", ArchiveFormat::kTar},
    {"tar.xz", ArchiveFormat::kTar},
    {"tar.zst", ArchiveFormat::kTar},
    {"tar.lz4", ArchiveFormat::kTar},
    {"application/tar", ArchiveFormat::kTar},
    {"application/x-tar", ArchiveFormat::kTar},
    {"application/x-gtar", ArchiveFormat::kTar},
    {"application/gzip", ArchiveFormat::kTar},
    {"application/x-gzip", ArchiveFormat::kTar},
    {"application/x-compressed-tar", ArchiveFormat::kTar},
    {"application/x-bzip2", ArchiveFormat::kTar},
    {"application/x-xz", ArchiveFormat::kTar},
    {"application/zstd", ArchiveFormat::kTar},
    {"zip", ArchiveFormat::kZip},
    {"application/zip", ArchiveFormat::kZip},
    {"application/x-zip-compressed", ArchiveFormat::kZip},
    {"7z", ArchiveFormat::kSevenZip},
    {"application/x-7z-compressed", ArchiveFormat::kSevenZip}};

std::string_view NameOf(ArchiveFormat format) {
  switch (format) {
    case ArchiveFormat::kAny:
      return "";
    case ArchiveFormat::kTar:
      return "tar";
    case ArchiveFormat::kZip:
      return "zip";
    case ArchiveFormat::kSevenZip:
      return "7z";
  }
  return "";
}

Error Invalid(std::string why) {
  return {ErrorCode::kInvalidArgument, std::move(why)};
}

std::string ValueOf(const SecretData& data, std::string_view key) {
  const auto found = data.find(key);
  return found == data.end() ? std::string() : found->second.Reveal();
}

bool HasOnlyUrlCharacters(std::string_view url) {
  return std::all_of(url.begin(), url.end(),
                     [](char c) { return c > 0x20 && c < 0x7f; });
}

/// The host of an http URL, in lower case and without brackets; empty if there
/// is none. `rest` is what follows the scheme.
std::string HostOf(std::string_view rest) {
  std::string_view authority =
      rest.substr(0, std::min(rest.find_first_of("/?#"), rest.size()));
  if (authority.starts_with('[')) {
    return ToLower(authority.substr(1, authority.find(']') - 1));
  }
  return ToLower(
      authority.substr(0, std::min(authority.find(':'), authority.size())));
}

/// "127.1" and "0x7f000001" are addresses, too, to those who resolve names.
bool IsNumeric(std::string_view host) {
  const char first = host.substr(host.rfind('.') + 1).front();
  return first >= '0' && first <= '9';
}

bool IsDottedQuad(std::string_view host) {
  const auto parts = Split(host, '.');
  return parts.size() == 4 &&
         std::all_of(parts.begin(), parts.end(), [](std::string_view part) {
           return ParseInt(part, 0, 255).has_value();
         });
}

bool StartsWithAny(std::string_view text,
                   std::initializer_list<std::string_view> prefixes) {
  return std::any_of(prefixes.begin(), prefixes.end(),
                     [text](auto prefix) { return text.starts_with(prefix); });
}

bool IsOwnOrLinkLocal(std::string_view host) {
  if (host.find(':') != std::string_view::npos) {
    return host == "::1" || host == "::" ||
           StartsWithAny(host, {"fe8", "fe9", "fea", "feb", "::ffff:"});
  }
  if (IsNumeric(host)) return StartsWithAny(host, {"0.", "127.", "169.254."});
  return host == "localhost" || host.ends_with(".localhost") ||
         host == "metadata.google.internal";
}

Status CheckWebUrl(std::string_view rest) {
  const std::string_view authority =
      rest.substr(0, std::min(rest.find_first_of("/?#"), rest.size()));
  if (authority.find('@') != std::string_view::npos) {
    return Invalid(
        "must not hold a user name or password; give a URL that is signed, or "
        "s3://bucket/key with source-secret-name");
  }
  if (rest.find('#') != std::string_view::npos) {
    return Invalid("must not hold '#'");
  }
  const std::string host = HostOf(rest);
  if (host.empty()) return Invalid("has no host");
  if (host.ends_with('.')) return Invalid("has a host that ends with '.'");
  const bool is_v6 = host.find(':') != std::string::npos;
  if (!is_v6 && IsNumeric(host) && !IsDottedQuad(host)) {
    return Invalid("has no host name, nor an address such as 10.0.0.1");
  }
  if (IsOwnOrLinkLocal(host)) {
    return Error{ErrorCode::kPermissionDenied,
                 "is an address of the machine itself or of its link"};
  }
  return OkStatus();
}

}  // namespace

std::optional<ArchiveFormat> ParseArchiveFormat(std::string_view text) {
  if (text.empty()) return ArchiveFormat::kAny;
  for (const FormatName& known : kFormatNames) {
    if (EqualsIgnoreCase(known.name, text)) return known.format;
  }
  return std::nullopt;
}

Result<ObjectPlace> ParseObjectUrl(std::string_view url) {
  if (!url.starts_with(kObjectScheme)) return Invalid("must be s3://…");
  url.remove_prefix(kObjectScheme.size());
  const std::size_t slash = std::min(url.find('/'), url.size());
  ObjectPlace place{std::string(url.substr(0, slash)),
                    std::string(url.substr(std::min(slash + 1, url.size())))};
  DS_RETURN_IF_ERROR(CheckBucket(place.bucket));
  if (place.key.empty() || place.key.ends_with('/') ||
      place.key.size() > kObjectKeyBytesMax) {
    return Invalid("must name an object: s3://bucket/key");
  }
  return place;
}

Status CheckArchiveUrl(std::string_view url) {
  if (url.size() > kUrlBytesMax) return Invalid("is too long");
  if (url.starts_with(kObjectScheme)) {
    const auto place = ParseObjectUrl(url);
    return place.ok() ? OkStatus() : Status(place.error());
  }
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!url.starts_with(scheme)) continue;
    if (!HasOnlyUrlCharacters(url)) {
      return Invalid(
          "must be percent-encoded: no spaces, no control characters, ASCII "
          "only");
    }
    return CheckWebUrl(url.substr(scheme.size()));
  }
  return Invalid("must begin with https://, http:// or s3://");
}

Result<std::string> ParseSha256(std::string_view text) {
  std::string digest = ToLower(text);
  const bool is_hex = std::all_of(digest.begin(), digest.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
  });
  if (digest.size() != kSha256Digits || !is_hex) {
    return Invalid("must be 64 hex digits, as sha256sum prints them");
  }
  return digest;
}

SecretData UnpackRequest::ToSecretData() const {
  SecretData data = target.ToSecretData();
  data["url"] = SecretString(url);
  data["archiveFormat"] = SecretString(std::string(NameOf(format)));
  data["extract"] = SecretString(extract ? "true" : "false");
  data["sha256"] = SecretString(sha256);
  if (origin) {
    for (auto& [key, value] : origin->ToSecretData()) {
      data[std::string(kOriginPrefix) + key] = value;
    }
  }
  return data;
}

Result<UnpackRequest> UnpackRequest::FromSecretData(const SecretData& data) {
  UnpackRequest request;
  request.url = ValueOf(data, "url");
  if (Status url = CheckArchiveUrl(request.url); !url.ok()) {
    // Where the worker may go is decided where a Dataset is taken.
    if (url.error().code != ErrorCode::kPermissionDenied) {
      return url.error().Wrap("url");
    }
  }
  const auto format = ParseArchiveFormat(ValueOf(data, "archiveFormat"));
  if (!format) return Invalid("archiveFormat: is unknown");
  request.format = *format;
  request.extract = ParseBool(ValueOf(data, "extract")).value_or(false);
  if (const std::string text = ValueOf(data, "sha256"); !text.empty()) {
    auto digest = ParseSha256(text);
    if (!digest.ok()) return digest.error().Wrap("sha256");
    request.sha256 = *std::move(digest);
  }
  DS_ASSIGN_OR_RETURN(request.target, VolumeConfig::FromSecretData(data));
  if (request.target.prefix.empty()) {
    return Invalid(
        "folder: is missing; everything in it is replaced, so it must not be "
        "a whole bucket");
  }
  if (!request.url.starts_with(kObjectScheme)) return request;
  SecretData of_origin;
  for (const auto& [key, value] : data) {
    if (!key.starts_with(kOriginPrefix)) continue;
    of_origin.emplace(key.substr(kOriginPrefix.size()), value);
  }
  auto origin = VolumeConfig::FromSecretData(of_origin);
  if (!origin.ok()) return origin.error().Wrap("source");
  request.origin = *std::move(origin);
  return request;
}

std::string ArchiveVersion(std::string_view url, ArchiveFormat format,
                           bool extract, std::string_view sha256) {
  std::string text;
  for (const std::string_view part :
       {url, NameOf(format), std::string_view(extract ? "extract" : ""),
        sha256}) {
    text += part;
    text += '\0';
  }
  // Tells contents of one Dataset apart; a collision hurts its author only.
  XXH64_canonical_t canonical;
  XXH64_canonicalFromHash(&canonical, XXH64(text.data(), text.size(), 0));
  return HexEncode({reinterpret_cast<const char*>(canonical.digest),
                    sizeof canonical.digest});
}

std::string ArchiveRoot(std::string_view folder, std::string_view dataset_uid) {
  return std::string(folder) + std::string(dataset_uid) + "/";
}

std::string ArchiveRootOf(std::string_view version_prefix) {
  DS_CHECK(version_prefix.ends_with('/'));
  version_prefix.remove_suffix(1);
  return std::string(version_prefix.substr(0, version_prefix.rfind('/') + 1));
}

}  // namespace datashim::dataset
