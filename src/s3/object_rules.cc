#include "s3/object_rules.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>

#include "base/check.h"
#include "base/strings.h"

namespace datashim::s3 {
namespace {

constexpr std::uint64_t kCopyPartBytesMin = std::uint64_t{512} << 20;
constexpr std::size_t kMd5Bytes = 16;

std::optional<std::uint64_t> ParseBytes(std::string_view text) {
  const auto number = ParseInt(text, 0, INT64_MAX);
  if (!number) return std::nullopt;
  return static_cast<std::uint64_t>(*number);
}

// The 16 bytes of "\"<32 hex digits>\""; empty for other tags.
std::string Md5Of(std::string_view etag) {
  if (etag.starts_with('"') && etag.ends_with('"') && etag.size() > 2) {
    etag = etag.substr(1, etag.size() - 2);
  }
  if (etag.size() != 2 * kMd5Bytes) return {};
  std::string bytes;
  for (std::size_t i = 0; i < etag.size(); i += 2) {
    int value = 0;
    for (const char c : etag.substr(i, 2)) {
      constexpr std::string_view kDigits = "0123456789abcdef";
      const std::size_t digit = kDigits.find(c);
      if (digit == kDigits.npos) return {};
      value = value * 16 + static_cast<int>(digit);
    }
    bytes += static_cast<char>(value);
  }
  return bytes;
}

}  // namespace

std::optional<ContentRange> ParseContentRange(std::string_view text) {
  constexpr std::string_view kUnit = "bytes ";
  if (!text.starts_with(kUnit)) return std::nullopt;
  text.remove_prefix(kUnit.size());
  const std::size_t dash = text.find('-');
  const std::size_t slash = text.find('/');
  if (dash == text.npos || slash == text.npos || slash < dash) {
    return std::nullopt;
  }
  const auto first = ParseBytes(text.substr(0, dash));
  const auto last = ParseBytes(text.substr(dash + 1, slash - dash - 1));
  const auto total = ParseBytes(text.substr(slash + 1));
  if (!first || !last || !total || *last < *first || *last >= *total) {
    return std::nullopt;
  }
  return ContentRange{{*first, *last - *first + 1}, *total};
}

std::optional<std::string> Md5(std::string_view bytes) {
  std::array<unsigned char, kMd5Bytes> digest{};
  if (EVP_Digest(bytes.data(), bytes.size(), digest.data(), nullptr, EVP_md5(),
                 nullptr) != 1) {
    return std::nullopt;
  }
  return std::string(reinterpret_cast<const char*>(digest.data()),
                     digest.size());
}

std::optional<std::string> MultipartEtag(
    const std::vector<store::UploadedPart>& parts) {
  std::string joined;
  for (const store::UploadedPart& part : parts) {
    const std::string md5 = Md5Of(part.etag);
    if (md5.empty()) return std::nullopt;
    joined += md5;
  }
  const auto md5 = Md5(joined);
  if (!md5) return std::nullopt;
  return "\"" + HexEncode(*md5) + "-" + std::to_string(parts.size()) + "\"";
}

std::vector<store::ByteRange> PlanCopyParts(std::uint64_t object_bytes) {
  DS_CHECK(object_bytes > 0);
  const std::uint64_t part_bytes =
      std::max(kCopyPartBytesMin, (object_bytes - 1) / kPartNumberMax + 1);
  std::vector<store::ByteRange> parts;
  for (std::uint64_t at = 0; at < object_bytes; at += part_bytes) {
    parts.push_back({at, std::min(part_bytes, object_bytes - at)});
  }
  return parts;
}

}  // namespace datashim::s3
