#include "archive/unpack.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>

#include "archive/sha256.h"
#include "archive/testing/make_archive.h"
#include "archive/worker.h"
#include "store/testing/memory_store.h"

namespace datashim::archive {
namespace {

using dataset::ArchiveFormat;
using dataset::UnpackRequest;
using Kind = MadeEntry::Kind;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string Digest(const std::string& text) {
  Sha256 digest;
  digest.Add(std::as_bytes(std::span(text)));
  return digest.Finish();
}

class UnpackTest : public ::testing::Test {
 protected:
  UnpackTest() { request_.extract = true; }

  Result<Summary> Run(const std::string& archive, bool seekable = true) {
    TextSource source(archive, seekable);
    return Run(source);
  }
  Result<Summary> Run(ByteSource& source) {
    return Unpack(source, request_, store_, limits_, options_, progress_,
                  stop_.get_token());
  }
  /// The error's text; "ok" if there is none.
  std::string Why(const std::string& archive, bool seekable = true) {
    const auto done = Run(archive, seekable);
    return done.ok() ? "ok" : done.error().message;
  }

  store::MemoryStore store_;
  UnpackRequest request_;
  Limits limits_;
  WriterOptions options_;
  Progress progress_;
  std::stop_source stop_;
};

const std::vector<MadeEntry> kTree = {
    {"./", "", Kind::kDirectory},
    {"./dir/", "", Kind::kDirectory},
    {"./dir/one", "1"},
    {"./dir/\xc3\xbc\xe2\x82\xac", "name"},
    {"empty", ""},
    {"large", std::string(3'000'000, 'x') + "end"}};

class FormatTest : public UnpackTest,
                   public ::testing::WithParamInterface<MadeFormat> {};

TEST_P(FormatTest, FilesBecomeObjects) {
  const auto done = Run(MakeArchive(GetParam(), kTree));
  ASSERT_TRUE(done.ok()) << done.error().message;
  EXPECT_EQ(done->files, 4u);
  EXPECT_EQ(done->bytes, 3'000'008u);
  EXPECT_EQ(progress_.files, 4u);
  EXPECT_EQ(progress_.bytes_written, done->bytes);
  EXPECT_GT(progress_.bytes_read, 0u);
  EXPECT_THAT(store_.Keys(), ElementsAre("dir/one", "dir/\xc3\xbc\xe2\x82\xac",
                                         "empty", "large"));
  EXPECT_EQ(store_.Text("dir/one"), "1");
  EXPECT_EQ(store_.Text("empty"), "");
  EXPECT_EQ(store_.Text("large"), std::string(3'000'000, 'x') + "end");
}

// Cut anywhere, an archive is an error or, behind its last file, whole; it
// never ends the process, and never gives a file other bytes.
TEST_P(FormatTest, ACutOrDamagedArchiveNeverGivesWrongFiles) {
  const std::vector<MadeEntry> entries = {{"a", std::string(5000, 'a')},
                                          {"b/c", "text"}};
  const std::string good = MakeArchive(GetParam(), entries);
  for (std::size_t size = 0; size < good.size(); size += 97) {
    const auto done = Run(good.substr(0, size));
    if (!done.ok()) continue;
    for (const std::string& key : store_.Keys()) {
      EXPECT_TRUE((key == "a" && store_.Text(key) == entries[0].content) ||
                  (key == "b/c" && store_.Text(key) == "text"))
          << size << " " << key;
    }
  }
}

TEST_P(FormatTest, NamesThatLeaveAreRefused) {
  for (const char* path : {"../up", "a/../../up", "/etc/passwd"}) {
    EXPECT_THAT(Why(MakeArchive(GetParam(), {{"good", "1"}, {path, "2"}})),
                ::testing::AllOf(HasSubstr(path),
                                 ::testing::AnyOf(HasSubstr("\"..\""),
                                                  HasSubstr("absolute"))));
  }
  for (const std::string& key : store_.Keys()) EXPECT_EQ(key, "good");
}

TEST_P(FormatTest, TheDigestIsChecked) {
  const std::string archive = MakeArchive(GetParam(), kTree);
  request_.sha256 = Digest(archive);
  EXPECT_EQ(Why(archive), "ok");
  request_.sha256 = Digest("another");
  const auto done = Run(archive);
  ASSERT_FALSE(done.ok());
  EXPECT_EQ(done.error().code, ErrorCode::kFailedPrecondition);
  EXPECT_THAT(done.error().message, HasSubstr(Digest(archive)));
}

TEST_P(FormatTest, AllBytesAndEntriesCount) {
  const std::string archive = MakeArchive(GetParam(), kTree);
  limits_.bytes_max = 3'000'007;
  auto done = Run(archive);
  ASSERT_FALSE(done.ok());
  EXPECT_EQ(done.error().code, ErrorCode::kResourceExhausted);
  EXPECT_THAT(done.error().message, HasSubstr("3000007 bytes"));
  limits_.bytes_max = 3'000'008;
  EXPECT_EQ(Why(archive), "ok");
  limits_.entries_max = 2;
  EXPECT_THAT(Why(archive), HasSubstr("2 entries"));
}

TEST_P(FormatTest, ABombIsRefused) {
  const std::string bomb =
      MakeArchive(GetParam(), {{"zeros", std::string(2'000'000, '\0')}});
  if (bomb.size() > 1'000'000) return;  // A plain tar is no bomb.
  limits_.ratio_max = 50;
  limits_.ratio_from_bytes = 1'000'000;
  EXPECT_THAT(Why(bomb), HasSubstr("bomb"));
  limits_.ratio_from_bytes = 10'000'000;
  EXPECT_EQ(Why(bomb), "ok");
}

INSTANTIATE_TEST_SUITE_P(Formats, FormatTest,
                         ::testing::Values(MadeFormat::kTar, MadeFormat::kTarGz,
                                           MadeFormat::kZip,
                                           MadeFormat::kSevenZip));

TEST_F(UnpackTest, ATarIsUnpackedFromAStream) {
  for (const MadeFormat format : {MadeFormat::kTar, MadeFormat::kTarGz}) {
    const std::string archive = MakeArchive(format, kTree);
    request_.sha256 = Digest(archive);
    EXPECT_EQ(Why(archive, /*seekable=*/false), "ok");
  }
}

TEST_F(UnpackTest, AZipFromAStreamIsRefusedWithTheWayOut) {
  for (const MadeFormat format : {MadeFormat::kZip, MadeFormat::kSevenZip}) {
    EXPECT_THAT(Why(MakeArchive(format, kTree), /*seekable=*/false),
                HasSubstr("put it into a bucket"));
  }
  EXPECT_THAT(store_.Keys(), IsEmpty());
}

TEST_F(UnpackTest, TheFormatThatIsSaidMustBeTheOneThatIsThere) {
  const std::string zip = MakeArchive(MadeFormat::kZip, kTree);
  request_.format = ArchiveFormat::kTar;
  EXPECT_THAT(Why(zip), HasSubstr("is a zip by its first bytes"));
  request_.format = ArchiveFormat::kZip;
  EXPECT_EQ(Why(zip), "ok");
  EXPECT_THAT(Why(MakeArchive(MadeFormat::kTarGz, kTree)),
              HasSubstr("is a tar by its first bytes"));
}

TEST_F(UnpackTest, WhatIsNoArchiveIsSaid) {
  EXPECT_THAT(Why(""), HasSubstr("empty"));
  EXPECT_THAT(Why("<html>not found</html>"), HasSubstr("not what it says"));
}

TEST_F(UnpackTest, LinksInsideAreCopies) {
  const auto done = Run(MakeArchive(
      MadeFormat::kTar, {{"early", "dir/two", Kind::kSymbolicLink},
                         {"dir/one", "1"},
                         {"dir/two", "one", Kind::kSymbolicLink},
                         {"hard", "dir/one", Kind::kHardLink},
                         {"loop", "loop", Kind::kSymbolicLink},
                         {"nothing", "nowhere", Kind::kSymbolicLink},
                         {"dirlink", "dir", Kind::kSymbolicLink}}));
  ASSERT_TRUE(done.ok()) << done.error().message;
  for (const char* key : {"early", "dir/one", "dir/two", "hard"}) {
    EXPECT_EQ(store_.Text(key), "1") << key;
  }
  EXPECT_EQ(done->files, 4u);
  EXPECT_EQ(done->bytes, 4u);
  EXPECT_EQ(done->links_skipped, 3u);
  EXPECT_EQ(done->first_skipped, "dirlink");
  EXPECT_THAT(Describe(*done), HasSubstr("3 links"));
}

TEST_F(UnpackTest, LinksThatLeaveAndDevicesAreRefused) {
  const auto why = [&](MadeEntry entry) {
    return Why(MakeArchive(MadeFormat::kTar, {std::move(entry)}));
  };
  EXPECT_THAT(why({"dir/l", "../../x", Kind::kSymbolicLink}),
              ::testing::AllOf(HasSubstr("entry \"dir/l\""),
                               HasSubstr("out of the archive")));
  EXPECT_THAT(why({"l", "/etc/passwd", Kind::kSymbolicLink}),
              HasSubstr("absolute"));
  EXPECT_THAT(why({"l", "../x", Kind::kHardLink}), HasSubstr("\"..\""));
  EXPECT_THAT(why({"pipe", "", Kind::kFifo}), HasSubstr("FIFO"));
  EXPECT_THAT(store_.Keys(), IsEmpty());
}

TEST_F(UnpackTest, CopiesOfLinksCount) {
  limits_.bytes_max = 250;
  EXPECT_THAT(Why(MakeArchive(MadeFormat::kTar, {{"a", std::string(100, 'a')},
                                                 {"b", "a", Kind::kHardLink},
                                                 {"c", "a", Kind::kHardLink}})),
              HasSubstr("250 bytes"));
}

TEST_F(UnpackTest, OfTwoEntriesOfOneNameTheLastOneStays) {
  for (int run = 0; run < 20; ++run) {
    ASSERT_EQ(Why(MakeArchive(MadeFormat::kTar,
                              {{"a", "first"}, {"b", "x"}, {"./a", "last"}})),
              "ok");
    EXPECT_EQ(store_.Text("a"), "last");
  }
}

TEST_F(UnpackTest, LargeFilesGoInParts) {
  options_.part_bytes_min = 5u << 20;
  options_.memory_bytes_max = 6u << 20;
  std::string content(17'000'001, 'y');
  content.back() = 'z';
  ASSERT_EQ(Why(MakeArchive(MadeFormat::kTar, {{"big", content}})), "ok");
  EXPECT_EQ(store_.Text("big"), content);
  EXPECT_EQ(store_.calls(store::StoreCall::kUploadPart), 4u);
  EXPECT_EQ(store_.calls(store::StoreCall::kPut), 0u);
}

TEST_F(UnpackTest, AFileIsStoredAsItIsUnderItsName) {
  request_.extract = false;
  request_.url = "https://example.com/data/set%201.csv?signature=x";
  ASSERT_EQ(Why("a,b\n", /*seekable=*/false), "ok");
  EXPECT_THAT(store_.Keys(), ElementsAre("set 1.csv"));
  EXPECT_EQ(store_.Text("set 1.csv"), "a,b\n");
}

TEST_F(UnpackTest, FileNames) {
  EXPECT_EQ(FileNameOf("http://h/a/b.tar.gz"), "b.tar.gz");
  EXPECT_EQ(FileNameOf("http://h/a?x=/y"), "a");
  EXPECT_EQ(FileNameOf("http://h"), "data");
  EXPECT_EQ(FileNameOf("http://h/"), "data");
  EXPECT_EQ(FileNameOf("http://h/%2e%2e"), "data");
  EXPECT_EQ(FileNameOf("http://h/a%2fb"), "data");
  EXPECT_EQ(FileNameOf("http://h/100%"), "100%");
  EXPECT_EQ(FileNameOf("s3://b/dir/50%25?"), "50%25?");
}

TEST_F(UnpackTest, AFailingStoreIsTheError) {
  for (const auto call :
       {store::StoreCall::kPut, store::StoreCall::kCreateUpload,
        store::StoreCall::kUploadPart, store::StoreCall::kCompleteUpload,
        store::StoreCall::kCopy}) {
    options_.part_bytes_min = 5u << 20;
    store_.FailNext(call, 1, ErrorCode::kUnavailable);
    const auto done =
        Run(MakeArchive(MadeFormat::kTar, {{"a", "1"},
                                           {"big", std::string(6'000'000, 'y')},
                                           {"l", "a", Kind::kHardLink}}));
    ASSERT_FALSE(done.ok());
    EXPECT_EQ(done.error().code, ErrorCode::kUnavailable);
    EXPECT_EQ(store_.open_uploads(), 0u);
  }
}

TEST_F(UnpackTest, ABrokenLineIsWorthAnotherAttemptAndADamagedArchiveIsNot) {
  TextSource source(MakeArchive(MadeFormat::kTarGz, kTree), false, 100);
  source.FailAt(1000);
  const auto broken = Run(source);
  ASSERT_FALSE(broken.ok());
  EXPECT_THAT(broken.error().message, HasSubstr("the line broke"));
  EXPECT_EQ(broken.error().code, ErrorCode::kUnavailable);
  EXPECT_TRUE(IsWorthAnotherAttempt(broken.error().code));
  EXPECT_FALSE(IsWorthAnotherAttempt(ErrorCode::kDataLoss));
  EXPECT_FALSE(IsWorthAnotherAttempt(ErrorCode::kResourceExhausted));
}

TEST_F(UnpackTest, AStopEndsIt) {
  stop_.request_stop();
  const auto done = Run(MakeArchive(MadeFormat::kTar, kTree));
  ASSERT_FALSE(done.ok());
  EXPECT_EQ(done.error().code, ErrorCode::kCancelled);
}

// What is in an archive is what comes out, whatever it is.
TEST_F(UnpackTest, RandomTreesComeBack) {
  std::mt19937 random(7);
  for (int run = 0; run < 40; ++run) {
    std::map<std::string, std::string> files;
    for (auto n = 1 + random() % 30; n > 0; --n) {
      std::string path = "r";
      path += std::to_string(run);
      for (auto depth = random() % 4; depth > 0; --depth) {
        path += "/d" + std::to_string(random() % 3);
      }
      path += "/f" + std::to_string(random() % 100);
      std::string content(random() % 70'000, '\0');
      for (std::size_t i = 0; i < content.size(); i += 97) {
        content[i] = static_cast<char>(random());
      }
      files[path] = content;
    }
    std::vector<MadeEntry> entries;
    for (const auto& [path, content] : files)
      entries.push_back({path, content});
    const auto format = static_cast<MadeFormat>(random() % 4);
    ASSERT_EQ(Why(MakeArchive(format, entries)), "ok") << run;
    for (const auto& [path, content] : files) {
      EXPECT_EQ(store_.Text(path), content) << path;
    }
  }
}

TEST(PartBytesTest, TenThousandPartsAreEnough) {
  constexpr std::uint64_t kMin = 8u << 20;
  EXPECT_EQ(PartBytes(1, 1, kMin), kMin);
  for (const std::uint64_t size :
       {std::uint64_t{100} << 30, std::uint64_t{5} << 40}) {
    EXPECT_GE(PartBytes(1, size, kMin) * 10'000, size);
  }
  std::uint64_t sum = 0;
  for (std::uint32_t n = 1; n <= 10'000; ++n) {
    sum += PartBytes(n, std::nullopt, kMin);
  }
  EXPECT_GE(sum, Limits().bytes_max);
}

TEST(WorkerTest, Texts) {
  Progress progress;
  progress.files = 3;
  EXPECT_EQ(
      FormatProgress(progress),
      "{\"bytesRead\":0,\"bytesTotal\":0,\"bytesWritten\":0,\"files\":3}");
  EXPECT_EQ(
      Describe(
          {.files = 1, .bytes = 1023, .links_skipped = 0, .first_skipped = ""}),
      "1 file, 1023 bytes");
  EXPECT_EQ(Describe({.files = 2,
                      .bytes = 3u << 30,
                      .links_skipped = 0,
                      .first_skipped = ""}),
            "2 files, 3.0 GiB");
}

}  // namespace
}  // namespace datashim::archive
