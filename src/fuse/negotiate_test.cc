#include "fuse/negotiate.h"

#include <gtest/gtest.h>

#include "fuse/decode.h"

namespace datashim::fuse {
namespace {

constexpr std::uint64_t kLow = wire::kAsyncRead | wire::kAtomicOTrunc |
                               wire::kBigWrites | wire::kDoReaddirplus |
                               wire::kReaddirplusAuto | wire::kParallelDirops |
                               wire::kMaxPages | wire::kExplicitInvalData;

struct Case {
  const char* name;
  std::uint32_t minor;
  std::uint64_t offered;
  std::uint32_t minor_agreed;
  std::uint64_t taken;
};

class NegotiateTest : public ::testing::TestWithParam<Case> {};

TEST_P(NegotiateTest, TakesWhatBothHave) {
  const Case& test = GetParam();
  const auto out =
      Negotiate({7, test.minor, 128 << 10, test.offered}, 64, 4096, false);
  ASSERT_TRUE(out.ok()) << out.error().message;
  EXPECT_EQ(out->major, 7u);
  EXPECT_EQ(out->minor, test.minor_agreed);
  EXPECT_EQ(out->flags | (std::uint64_t{out->flags2} << 32), test.taken);
  EXPECT_EQ(out->max_write, kRequestBytesMax);
  EXPECT_EQ(out->max_pages, 256);
  EXPECT_EQ(out->max_readahead, 1u << 20);
  EXPECT_EQ(out->max_background, 64);
  EXPECT_EQ(out->congestion_threshold, 48);
  EXPECT_EQ(out->time_gran, 1u);
  EXPECT_EQ(out->max_stack_depth, 0u);
}

// By bit: what we leave out is offered, too.
constexpr std::uint64_t kAllLow = 0x3fffffff;
constexpr std::uint64_t kAll = ~std::uint64_t{0};
constexpr std::uint64_t kExtended = std::uint64_t{0xff} << 32;  // Up to 7.39.

const Case kCases[] = {
    {"Linux5_4", 31, kAllLow, 31, kLow},
    {"Linux5_17", 36, kAllLow | wire::kInitExt | (std::uint64_t{3} << 32), 36,
     kLow | wire::kInitExt},
    {"Linux6_9", 40, kAllLow | wire::kInitExt | kExtended, 40,
     kLow | wire::kInitExt | wire::kHasResend | wire::kNoExportSupport},
    {"Linux6_18", 45, kAll, 45,
     kLow | wire::kInitExt | wire::kHasResend | wire::kNoExportSupport},
    {"Newer", 60, kAll, 45,
     kLow | wire::kInitExt | wire::kHasResend | wire::kNoExportSupport},
};
INSTANTIATE_TEST_SUITE_P(Kernels, NegotiateTest, ::testing::ValuesIn(kCases),
                         [](const auto& test) { return test.param.name; });

TEST(NegotiateLimitTest, WithoutMaxPagesRequestsAreSmall) {
  const auto out = Negotiate({7, 31, 0, wire::kBigWrites}, 64, 4096, false);
  ASSERT_TRUE(out.ok());
  EXPECT_EQ(out->max_pages, 0);
  EXPECT_EQ(out->max_write, 128u << 10);
}

TEST(NegotiateLimitTest, LargePagesAreFewer) {
  const auto out = Negotiate({7, 45, 0, kAll}, 64, 64 << 10, false);
  ASSERT_TRUE(out.ok());
  EXPECT_EQ(out->max_pages, 16);
  EXPECT_EQ(out->max_write, kRequestBytesMax);
}

TEST(NegotiateErrorTest, OldKernelsAreRefused) {
  for (const auto& init :
       {request::Init{7, 30, 0, kAll}, request::Init{6, 99, 0, kAll}}) {
    const auto out = Negotiate(init, 64, 4096, false);
    ASSERT_FALSE(out.ok());
    EXPECT_EQ(out.error().code, ErrorCode::kUnimplemented);
  }
}

TEST(NegotiateErrorTest, NewerMajorVersionHearsOurs) {
  const auto out = Negotiate({8, 2, 0, kAll}, 64, 4096, false);
  ASSERT_TRUE(out.ok());
  EXPECT_EQ(out->major, 7u);
  EXPECT_EQ(out->minor, 45u);
  EXPECT_EQ(out->flags, 0u);
}

TEST(NegotiateTest, PassthroughIsAgreedOnWhereBothWantIt) {
  const std::uint64_t with = kLow | wire::kInitExt | wire::kPassthrough;
  for (const bool wanted : {false, true}) {
    for (const std::uint64_t offered : {kLow | wire::kInitExt, with}) {
      const auto out = Negotiate({7, 40, 0, offered}, 64, 4096, wanted);
      ASSERT_TRUE(out.ok());
      const bool agreed = wanted && offered == with;
      EXPECT_EQ(AgreesOnPassthrough(*out), agreed);
      EXPECT_EQ(out->max_stack_depth, agreed ? 1u : 0u);
    }
  }
}

}  // namespace
}  // namespace datashim::fuse
