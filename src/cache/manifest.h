// Manifest: what is kept beside a complete cache file, and its bytes. Pure.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cache/object_id.h"

namespace datashim::cache {

/// Whose bytes the file holds, and the CRC32C of each of its blocks.
struct Manifest {
  ObjectId id;
  std::vector<std::uint32_t> block_sums;  ///< BlockCount(id.bytes) of them.

  friend bool operator==(const Manifest&, const Manifest&) = default;
};

/// Bytes of the manifest of an object of that size, at most: its texts are
/// bounded by DecodeManifest.
std::size_t ManifestBytesMax(std::uint64_t object_bytes);

/// Ends with a checksum of itself.
std::string EncodeManifest(const Manifest& manifest);

/// @return kDataLoss for anything that EncodeManifest has not made.
Result<Manifest> DecodeManifest(std::string_view bytes);

}  // namespace datashim::cache
