// Small rules of S3's data: ranges of answers, tags and parts of multipart
// objects. Pure.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/object_store.h"

namespace datashim::s3 {

/// S3's limits ("Multipart upload limits").
inline constexpr std::uint32_t kPartNumberMax = 10'000;
/// CopyObject takes no more; larger objects are copied by part.
inline constexpr std::uint64_t kCopyBytesMax = std::uint64_t{5} << 30;

/// The bytes of a 206 answer, of how many.
struct ContentRange {
  store::ByteRange range;
  std::uint64_t total_bytes = 0;

  friend bool operator==(const ContentRange&, const ContentRange&) = default;
};

/// "bytes 0-9/100". nullopt for anything else, ranges without a byte or
/// beyond the total among it.
std::optional<ContentRange> ParseContentRange(std::string_view text);

/// The 16 bytes, for S3's Content-MD5. nullopt where MD5 is switched off
/// (FIPS).
std::optional<std::string> Md5(std::string_view bytes);

/// The ETag that S3 gives to an object of these parts: the MD5 of their MD5s.
/// nullopt if the tags of the parts are no MD5 (encryption with KMS).
std::optional<std::string> MultipartEtag(
    const std::vector<store::UploadedPart>& parts);

/// The parts in which an object is copied: at least 512 MiB each, since every
/// part is a round trip, and at most 10,000. REQUIRES: object_bytes > 0.
std::vector<store::ByteRange> PlanCopyParts(std::uint64_t object_bytes);

}  // namespace datashim::s3
