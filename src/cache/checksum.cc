#include "cache/checksum.h"

#include <isa-l/crc.h>

#include <algorithm>
#include <climits>

#include "base/check.h"

namespace datashim::cache {

std::uint32_t Crc32c(std::span<const std::byte> bytes) {
  DS_CHECK(bytes.size() <= INT_MAX);
  // The library only reads, whatever its signature says.
  auto* const data =
      reinterpret_cast<unsigned char*>(const_cast<std::byte*>(bytes.data()));
  return ~::crc32_iscsi(data, static_cast<int>(bytes.size()), ~0U);
}

store::ByteRange BlockRange(std::uint64_t index, std::uint64_t object_bytes) {
  const std::uint64_t begin = index * kBlockBytes;
  DS_CHECK(begin < object_bytes);
  return {begin, std::min(kBlockBytes, object_bytes - begin)};
}

}  // namespace datashim::cache
