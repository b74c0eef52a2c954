#include "dataset/pod_annotations.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace datashim::dataset {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// Datasets a and b, with the indexes 0 and 10.
PodDatasets TwoUses() {
  return ParsePodLabels({{"dataset.0.id", "a"},
                         {"dataset.0.useas", "mount"},
                         {"dataset.10.id", "b"},
                         {"dataset.10.useas", "mount"}})
      .value();
}

TEST(ReadPodAnnotationsTest, EachOptionReachesTheUseOfItsIndex) {
  PodDatasets datasets = TwoUses();
  const Status read =
      ReadPodAnnotations({{"dataset.0.mount-path", "/models//"},
                          {"dataset.0.read-only", "true"},
                          {"dataset.0.containers", "server"},
                          {"dataset.10.sub-path", "llama/7b"},
                          {"dataset.10.optional", "true"},
                          {"dataset.10.skip-containers", "proxy, log"}},
                         datasets);
  ASSERT_TRUE(read.ok()) << read.error().message;
  const UseOptions& a = datasets.uses[0].options;
  EXPECT_EQ(a.mount_path, "/models");
  EXPECT_TRUE(a.read_only);
  EXPECT_THAT(a.containers, ElementsAre("server"));
  EXPECT_FALSE(a.optional);
  const UseOptions& b = datasets.uses[1].options;
  EXPECT_EQ(b.sub_path, "llama/7b");
  EXPECT_TRUE(b.optional);
  EXPECT_THAT(b.skipped_containers, ElementsAre("proxy", "log"));
  EXPECT_EQ(b.mount_path, "");
}

TEST(ReadPodAnnotationsTest, OtherPeoplesAreLeftAlone) {
  PodDatasets datasets = TwoUses();
  ASSERT_TRUE(ReadPodAnnotations({{"dataset.example.com/0", "x"},
                                  {"dataset.owner", "x"},
                                  {"dataset.0", "x"},
                                  {"datasets.0.mount-path", "x"},
                                  {"app", "x"}},
                                 datasets)
                  .ok());
  EXPECT_EQ(datasets, TwoUses());
}

TEST(ReadPodAnnotationsTest, AWrongOneIsNamed) {
  struct Wrong {
    const char* key;
    const char* value;
    const char* why;
  };
  const Wrong cases[] = {
      {"dataset.0.mountpath", "/a", "there are mount-path"},
      {"dataset.0.mount.path", "/a", "there are mount-path"},
      {"dataset.1.read-only", "true", "there is no label dataset.1.id"},
      {"dataset.0.mount-path", "models", "absolute path"},
      {"dataset.0.mount-path", "", "absolute path"},
      {"dataset.0.mount-path", "//", "absolute path"},
      {"dataset.0.mount-path", "/a/../b", "absolute path"},
      {"dataset.0.mount-path", "/a:b", "absolute path"},
      {"dataset.0.sub-path", "/a", "inside the Dataset"},
      {"dataset.0.sub-path", "", "inside the Dataset"},
      {"dataset.0.sub-path", "a/..", "inside the Dataset"},
      {"dataset.0.read-only", "yes", "must be \"true\" or \"false\""},
      {"dataset.0.optional", "", "must be \"true\" or \"false\""},
      {"dataset.0.containers", "a,,b", "names of containers"},
      {"dataset.0.skip-containers", "", "names of containers"}};
  for (const Wrong& wrong : cases) {
    PodDatasets datasets = TwoUses();
    const Status read =
        ReadPodAnnotations({{wrong.key, wrong.value}}, datasets);
    ASSERT_FALSE(read.ok()) << wrong.key << " " << wrong.value;
    EXPECT_EQ(read.error().code, ErrorCode::kInvalidArgument);
    EXPECT_THAT(read.error().message,
                StartsWith("annotation " + std::string(wrong.key) + ": "));
    EXPECT_THAT(read.error().message, HasSubstr(wrong.why));
  }
}

}  // namespace
}  // namespace datashim::dataset
