#include "node/volume_state.h"

#include <gtest/gtest.h>

#include <string>

namespace datashim::node {
namespace {

const VolumeState kState{"vol-1", "0123456789abcdef-ro", {"/k/a b", "/k/c"}};

TEST(VolumeStateTest, SurvivesTheMemfd) {
  const auto memfd = WriteVolumeState(kState);
  ASSERT_TRUE(memfd.ok()) << memfd.error().message;
  const auto read = ReadVolumeState(*memfd);
  ASSERT_TRUE(read.ok()) << read.error().message;
  EXPECT_EQ(*read, kState);
}

TEST(VolumeStateTest, FormatIsStable) {
  EXPECT_EQ(EncodeVolumeState(kState),
            "version 1\nvolume vol-1\nplace 0123456789abcdef-ro\n"
            "target /k/a b\ntarget /k/c\n");
}

TEST(VolumeStateTest, RefusesWhatItDoesNotKnow) {
  for (const char* text :
       {"", "version 2\nvolume v\n", "version 1\n", "version 1\nvolume\n",
        "version 1\nvolume v\nkey k\n", "version 1\nvolume v"}) {
    const auto state = DecodeVolumeState(text);
    ASSERT_FALSE(state.ok()) << text;
    EXPECT_EQ(state.error().code, ErrorCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace datashim::node
