#include "cache/checksum.h"

#include <gtest/gtest.h>

#include <string_view>

namespace datashim::cache {
namespace {

std::uint32_t SumOf(std::string_view text) {
  return Crc32c(std::as_bytes(std::span(text.data(), text.size())));
}

// The check value of the CRC catalogue, and two of RFC 3720, B.4.
TEST(ChecksumTest, IsCrc32c) {
  EXPECT_EQ(SumOf(""), 0u);
  EXPECT_EQ(SumOf("123456789"), 0xE3069283u);
  EXPECT_EQ(SumOf(std::string(32, '\0')), 0x8A9136AAu);
  EXPECT_EQ(SumOf(std::string(32, '\xff')), 0x62A8AB43u);
}

TEST(ChecksumTest, TheLastBlockMayBeShorter) {
  EXPECT_EQ(BlockCount(0), 0u);
  EXPECT_EQ(BlockCount(1), 1u);
  EXPECT_EQ(BlockCount(kBlockBytes), 1u);
  EXPECT_EQ(BlockCount(kBlockBytes + 1), 2u);
  EXPECT_EQ(BlockRange(1, kBlockBytes + 1), (store::ByteRange{kBlockBytes, 1}));
  EXPECT_EQ(BlockRange(0, kBlockBytes + 1), (store::ByteRange{0, kBlockBytes}));
}

}  // namespace
}  // namespace datashim::cache
