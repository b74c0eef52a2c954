// What scenarios read, and how figures are told.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "bench/files.h"
#include "bench/report.h"
#include "bench/scenario.h"
#include "store/testing/memory_store.h"

namespace datashim::bench {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

constexpr std::size_t kLarge = (std::size_t{9} << 20) + 5;

// The same files as objects and below a directory.
class FilesTest : public ::testing::Test {
 protected:
  FilesTest() {
    std::string place = "/tmp/datashim-bench-test-XXXXXX";
    directory_ = ::mkdtemp(place.data());
    Put("large", std::string(kLarge, 'x'));
    Put("d/e/small", "abc");
    Put("d/small", "defg");
  }
  ~FilesTest() override { std::filesystem::remove_all(directory_); }

  void Put(const std::string& path, const std::string& text) {
    store_->PutText(path, text);
    std::filesystem::create_directories((directory_ / path).parent_path());
    std::ofstream(directory_ / path) << text;
  }

  std::filesystem::path directory_;
  std::shared_ptr<store::MemoryStore> store_ =
      std::make_shared<store::MemoryStore>(
          store::MemoryStoreOptions{.list_keys_max = 2});
};

TEST_F(FilesTest, DirectoriesAndObjectsAreReadAlike) {
  auto of_directory = DirectoryFiles(directory_)->Walk(100);
  ASSERT_TRUE(of_directory.ok());
  ASSERT_TRUE(StatAll(directory_, *of_directory).ok());
  EXPECT_THAT(*of_directory,
              UnorderedElementsAre(File{"large", kLarge}, File{"d/e/small", 3},
                                   File{"d/small", 4}));
  const Selection selection = Select(*of_directory);
  for (const bool by_gets : {false, true}) {
    SCOPED_TRACE(by_gets);
    const auto files =
        by_gets ? ObjectFiles(store_) : DirectoryFiles(directory_);
    EXPECT_THAT(*files->Walk(100), SizeIs(3));
    EXPECT_THAT(*files->Walk(1), SizeIs(::testing::Lt(3u)));
    const auto run = [&](Scenario scenario) {
      auto work = bench::Run(scenario, *files, selection,
                             {.random_reads = std::chrono::seconds(0)});
      EXPECT_TRUE(work.ok());
      return work.ok() ? *work : Work{};
    };
    EXPECT_EQ(run(Scenario::kColdSequential).bytes, kLarge);
    EXPECT_EQ(run(Scenario::kColdMapped).bytes, kLarge);
    EXPECT_EQ(run(Scenario::kColdReaders).bytes, kLarge);
    EXPECT_EQ(run(Scenario::kSmallFiles).bytes, 7u);
    EXPECT_EQ(run(Scenario::kSmallFiles).items, 2u);
    EXPECT_EQ(run(Scenario::kFind).items, 3u);
  }
}

TEST_F(FilesTest, AnyPlaceIsReadAndMissingFilesAreErrors) {
  Put("digits", "0123456789");
  for (const bool by_gets : {false, true}) {
    SCOPED_TRACE(by_gets);
    const auto files =
        by_gets ? ObjectFiles(store_) : DirectoryFiles(directory_);
    auto read = files->Open({"digits", 10});
    ASSERT_TRUE(read.ok());
    std::string text(3, ' ');
    ASSERT_TRUE((*read)(4, std::as_writable_bytes(std::span(text))).ok());
    EXPECT_EQ(text, "456");
    EXPECT_FALSE((*read)(8, std::as_writable_bytes(std::span(text))).ok());
    EXPECT_FALSE(files->ReadWhole({"none", 1}).ok());
    const Selection missing{.large = {{"none", 1 << 20}},
                            .small = {{"none", 1}}};
    EXPECT_FALSE(bench::Run(Scenario::kColdReaders, *files, missing, {}).ok());
    EXPECT_FALSE(bench::Run(Scenario::kSmallFiles, *files, missing, {}).ok());
  }
}

TEST(SelectTest, TheLargestAndTheSmallOnesByName) {
  std::vector<File> files{{"b", 10}, {"a", 20}, {"none", 100'000}};
  for (std::uint64_t i = 1; i <= 5; ++i) {
    files.push_back({std::to_string(i), i << 20});
  }
  const Selection selection = Select(files);
  EXPECT_THAT(selection.large,
              ElementsAre(File{"5", 5 << 20}, File{"4", 4 << 20},
                          File{"3", 3 << 20}, File{"2", 2 << 20}));
  EXPECT_THAT(selection.small, ElementsAre(File{"a", 20}, File{"b", 10}));
  EXPECT_FALSE(HasFilesFor(Scenario::kRandom, Select({{"a", 10}})));
  EXPECT_FALSE(HasFilesFor(Scenario::kSmallFiles, Select({{"a", 1 << 20}})));
  EXPECT_TRUE(HasFilesFor(Scenario::kFind, {}));
  EXPECT_THAT(Select(std::vector<File>(3000, {"s", 1})).small, SizeIs(2000));
}

TEST(ScenarioTest, NamesAreThereAndBack) {
  for (const Scenario scenario : AllScenarios()) {
    EXPECT_EQ(ScenarioOf(NameOf(scenario)), scenario);
  }
  EXPECT_EQ(ScenarioOf("none"), std::nullopt);
}

TEST(ScenarioTest, FiguresHaveTheirUnits) {
  const Work work{2'000'000'000, 1000, 4};
  EXPECT_EQ(FiguresOf(Scenario::kColdSequential, work),
            (Figures{{"gb_per_s", 0.5}}));
  EXPECT_EQ(FiguresOf(Scenario::kRandom, work),
            (Figures{{"gb_per_s", 0.5}, {"reads_per_s", 250}}));
  EXPECT_EQ(FiguresOf(Scenario::kSmallFiles, work),
            (Figures{{"files_per_s", 250}}));
  EXPECT_EQ(FiguresOf(Scenario::kFind, work),
            (Figures{{"entries_per_s", 250}, {"seconds", 4}}));
}

TEST(ReportTest, MediansOfTheRounds) {
  Report report;
  EXPECT_TRUE(report.empty());
  for (const double value : {3.0, 1.0, 2.0}) {
    report.Add("find", "raw", {{"seconds", value}});
  }
  report.Add("find", "datashim", {{"seconds", 1}});
  report.Add("find", "datashim", {{"seconds", 2}});
  EXPECT_EQ(report.ToJson(),
            R"({"find": {"datashim": {"seconds": 1.5}, "raw": {"seconds": 2}}})"
            "\n");
  EXPECT_THAT(report.ToTable(),
              ::testing::ContainsRegex("find +raw +seconds +2 +1 +3"));
}

}  // namespace
}  // namespace datashim::bench
