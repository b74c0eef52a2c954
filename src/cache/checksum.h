// CRC32C of the blocks of a cache file. Pure.

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "store/object_store.h"

namespace datashim::cache {

/// Every block has a checksum of its own, so that a piece of a file can be
/// verified without reading the rest.
inline constexpr std::uint64_t kBlockBytes = std::uint64_t{1} << 20;

/// CRC32C (Castagnoli), as iSCSI and RFC 3720 define it.
std::uint32_t Crc32c(std::span<const std::byte> bytes);

/// Blocks of an object; the last one may be shorter.
constexpr std::uint64_t BlockCount(std::uint64_t object_bytes) {
  return (object_bytes + kBlockBytes - 1) / kBlockBytes;
}

/// Where block `index` lies in an object of that size.
store::ByteRange BlockRange(std::uint64_t index, std::uint64_t object_bytes);

}  // namespace datashim::cache
