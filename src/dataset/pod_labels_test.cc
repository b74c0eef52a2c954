#include "dataset/pod_labels.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>

namespace datashim::dataset {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

struct Case {
  const char* name;
  StringMap labels;
  std::vector<DatasetUse> expected;
};

class ParsePodLabelsTest : public ::testing::TestWithParam<Case> {};

TEST_P(ParsePodLabelsTest, YieldsTheUses) {
  const auto parsed = ParsePodLabels(GetParam().labels);
  ASSERT_TRUE(parsed.ok()) << parsed.error().message;
  EXPECT_EQ(parsed->uses, GetParam().expected);
  EXPECT_THAT(parsed->warnings, IsEmpty());
}

const Case kCases[] = {
    {"NoLabels", {}, {}},
    {"OtherLabels",
     {{"app", "x"}, {"datasets.0.id", "a"}, {"dataset", "a"}},
     {}},
    {"Mount",
     {{"dataset.0.id", "a"}, {"dataset.0.useas", "mount"}},
     {{"a", true, false}}},
    {"ConfigMap",
     {{"dataset.0.id", "a"}, {"dataset.0.useas", "configmap"}},
     {{"a", false, true}}},
    {"Both",
     {{"dataset.0.id", "a"}, {"dataset.0.useas", "configmap.mount"}},
     {{"a", true, true}}},
    {"ARepeatedUseDoesNotHideTheNext",
     {{"dataset.0.id", "a"}, {"dataset.0.useas", "mount.mount.configmap"}},
     {{"a", true, true}}},
    {"OrderIsNumericAndMayHaveGaps",  // As text, "10" sorts before "2".
     {{"dataset.10.id", "b"},
      {"dataset.10.useas", "mount"},
      {"dataset.2.id", "z"},
      {"dataset.2.useas", "mount"},
      {"dataset.2147483647.id", "a"},
      {"dataset.2147483647.useas", "mount"}},
     {{"z", true, false, 2},
      {"b", true, false, 10},
      {"a", true, false, 2147483647}}},
};
INSTANTIATE_TEST_SUITE_P(Labels, ParsePodLabelsTest,
                         ::testing::ValuesIn(kCases),
                         [](const auto& test) { return test.param.name; });

TEST(ParsePodLabelsWarningTest, ForeignLabelsAreLeftAlone) {
  const auto parsed = ParsePodLabels({{"dataset.example.com/x", "y"},
                                      {"dataset.0.id/x", "y"},
                                      {"dataset.owner", "me"},
                                      {"dataset.team.name", "me"},
                                      {"dataset..x", "me"},
                                      {"dataset.0.id", "a"},
                                      {"dataset.0.useas", "mount"}});
  ASSERT_TRUE(parsed.ok()) << parsed.error().message;
  EXPECT_THAT(parsed->uses, ElementsAre(DatasetUse{"a", true, false}));
  EXPECT_THAT(
      parsed->warnings,
      ElementsAre(HasSubstr("dataset..x"), HasSubstr("dataset.0.id/x"),
                  HasSubstr("dataset.example.com/x"),
                  HasSubstr("dataset.owner"), HasSubstr("dataset.team.name")));
}

TEST(ParsePodLabelsWarningTest, AnIdWithoutUseAddsNothing) {
  const auto parsed = ParsePodLabels({{"dataset.0.id", "a"}});
  ASSERT_TRUE(parsed.ok()) << parsed.error().message;
  EXPECT_THAT(parsed->uses, ElementsAre(DatasetUse{"a", false, false}));
  EXPECT_THAT(parsed->warnings, ElementsAre(HasSubstr("dataset.0.useas")));
}

TEST(ParsePodLabelsErrorTest, NamesTheOffendingLabel) {
  const std::pair<StringMap, const char*> bad[] = {
      {{{"dataset.00.id", "a"}}, "dataset.00.id"},  // Would alias index 0.
      {{{"dataset.-1.id", "a"}}, "dataset.-1.id"},
      {{{"dataset.+1.id", "a"}}, "dataset.+1.id"},
      {{{"dataset.2147483648.id", "a"}}, "dataset.2147483648.id"},
      {{{"dataset.99999999999999999999.id", "a"}},
       "dataset.99999999999999999999.id"},
      {{{"dataset.x.id", "a"}}, "dataset.x.id"},
      {{{"dataset..useas", "a"}}, "dataset..useas"},
      {{{"dataset.id", "a"}}, "dataset.id"},
      {{{"dataset.0", "a"}}, "dataset.0"},
      {{{"dataset.0.id.x", "a"}}, "dataset.0.id.x"},
      {{{"dataset.0.color", "mount"}}, "dataset.0.color"},
      {{{"dataset.0.useAs", "mount"}}, "dataset.0.useAs"},
      {{{"dataset.0.id", ""}}, "dataset.0.id"},
      {{{"dataset.0.useas", "mount"}}, "dataset.0.useas"},
      {{{"dataset.0.id", "a"}, {"dataset.0.useas", "teapot"}},
       "dataset.0.useas"},
      {{{"dataset.0.id", "a"}, {"dataset.0.useas", ""}}, "dataset.0.useas"},
      {{{"dataset.0.id", "a"}, {"dataset.0.useas", "mount."}},
       "dataset.0.useas"},
      {{{"dataset.0.id", "a"}, {"dataset.0.useas", "Mount"}},
       "dataset.0.useas"},
      {{{"dataset.0.id", "a"}, {"dataset.1.id", "a"}}, "dataset.1.id"}};
  for (const auto& [labels, culprit] : bad) {
    const auto parsed = ParsePodLabels(labels);
    ASSERT_FALSE(parsed.ok()) << culprit;
    EXPECT_EQ(parsed.error().code, ErrorCode::kInvalidArgument);
    EXPECT_THAT(parsed.error().message,
                StartsWith("label " + std::string(culprit) + ": "));
  }
}

}  // namespace
}  // namespace datashim::dataset
