#include "cache/manifest.h"

#include <gtest/gtest.h>

#include "cache/checksum.h"

namespace datashim::cache {
namespace {

Manifest Sample() {
  return {{"http://host/bucket", std::string("a\0b/\n", 5), "\"etag\"",
           2 * kBlockBytes + 1},
          {1, 0xffffffff, 3}};
}

TEST(ManifestTest, ComesBackAsItWas) {
  const std::string bytes = EncodeManifest(Sample());
  EXPECT_LE(bytes.size(), ManifestBytesMax(Sample().id.bytes));
  const auto back = DecodeManifest(bytes);
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(*back, Sample());
}

TEST(ManifestTest, AnyChangeOfAByteIsDamage) {
  const std::string bytes = EncodeManifest(Sample());
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    std::string changed = bytes;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    const auto back = DecodeManifest(changed);
    ASSERT_FALSE(back.ok()) << i;
    EXPECT_EQ(back.error().code, ErrorCode::kDataLoss);
  }
}

TEST(ManifestTest, AnyOtherLengthIsDamage) {
  const std::string bytes = EncodeManifest(Sample());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(DecodeManifest(bytes.substr(0, size)).ok()) << size;
  }
  EXPECT_FALSE(DecodeManifest(bytes + '\0').ok());
}

// With a right checksum, as if another version of the program had made it.
TEST(ManifestTest, SumsThatDoNotFitTheSizeAreDamage) {
  for (const std::size_t sums :
       {std::size_t{0}, std::size_t{2}, std::size_t{4}}) {
    Manifest manifest = Sample();
    manifest.block_sums.resize(sums);
    EXPECT_FALSE(DecodeManifest(EncodeManifest(manifest)).ok()) << sums;
  }
  Manifest manifest = Sample();
  manifest.id.key.assign(5000, 'k');
  EXPECT_FALSE(DecodeManifest(EncodeManifest(manifest)).ok());
}

TEST(ObjectIdTest, EveryPartOfTheIdIsInTheName) {
  const ObjectId id = Sample().id;
  const std::string name = EntryName(id);
  EXPECT_TRUE(IsEntryName(name));
  EXPECT_EQ(name, EntryName(Sample().id));
  ObjectId other = id;
  other.origin += "x";
  EXPECT_NE(EntryName(other), name);
  other = id;
  other.key += "x";
  EXPECT_NE(EntryName(other), name);
  other = id;
  other.etag += "x";
  EXPECT_NE(EntryName(other), name);
  other = id;
  ++other.bytes;
  EXPECT_NE(EntryName(other), name);
  // The border between two parts counts.
  EXPECT_NE(EntryName({"ab", "c", "e", 1}), EntryName({"a", "bc", "e", 1}));
}

TEST(ObjectIdTest, OtherNamesAreNotOurs) {
  EXPECT_FALSE(IsEntryName(""));
  EXPECT_FALSE(IsEntryName("lock"));
  EXPECT_FALSE(IsEntryName(std::string(31, 'a')));
  EXPECT_FALSE(IsEntryName(std::string(31, 'a') + "G"));
}

}  // namespace
}  // namespace datashim::cache
