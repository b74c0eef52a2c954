// A store that fails at any step of a write: the close says so, no object is
// there in part, what was there before still is, and nothing stays behind.

#include <gmock/gmock.h>

#include <atomic>
#include <map>
#include <random>

#include "fs/testing/file_system_fixture.h"

namespace datashim::fs {
namespace {

using store::StoreCall;

struct Fault {
  StoreCall call;
  std::size_t bytes;  // Of the file; in parts or less.
  int after;          // Calls of this kind that succeed before.
};

class WriteFaultTest : public FileSystemTest,
                       public ::testing::WithParamInterface<Fault> {
 protected:
  // Fails one call, the one after `after` others of its kind.
  void Arm(const Fault& fault, ErrorCode code) {
    auto left = std::make_shared<std::atomic<int>>(fault.after);
    store_->SetHook(
        [fault, code, left](StoreCall call, const std::string&) -> Status {
          if (call == fault.call && left->fetch_sub(1) == 0) {
            return Error{code, "fault of the test"};
          }
          return OkStatus();
        });
  }
};

TEST_P(WriteFaultTest, TheCloseFailsAndNothingIsLostOrLeft) {
  for (const bool existed : {false, true}) {
    SCOPED_TRACE(existed ? "overwrite" : "new file");
    if (existed) store_->PutText("f", "old");
    Expire();
    Arm(GetParam(), ErrorCode::kUnavailable);
    EXPECT_EQ(ErrorOf(WriteFile("f", Pattern(GetParam().bytes))), FsError::kIo);
    store_->SetHook(nullptr);
    EXPECT_EQ(store_->Text("f"),
              existed ? std::optional<std::string>("old") : std::nullopt);
    EXPECT_EQ(store_->open_uploads(), 0u);
    if (existed) {
      EXPECT_EQ(*ReadFile("f"), "old");
    } else {
      EXPECT_EQ(ErrorOf(Walk("f")), FsError::kNotFound);
    }
    // The name is as good as any other.
    EXPECT_TRUE(WriteFile("f", "again").ok());
    EXPECT_EQ(*ReadFile("f"), "again");
    ASSERT_TRUE(Unlink("f").ok());
  }
}

INSTANTIATE_TEST_SUITE_P(
    EveryStep, WriteFaultTest,
    ::testing::Values(Fault{StoreCall::kPut, 100, 0},
                      Fault{StoreCall::kPut, 0, 0},
                      Fault{StoreCall::kCreateUpload, 3 * kTestPartBytes, 0},
                      Fault{StoreCall::kUploadPart, 3 * kTestPartBytes, 0},
                      Fault{StoreCall::kUploadPart, 9 * kTestPartBytes, 5},
                      Fault{StoreCall::kUploadPart, 3 * kTestPartBytes + 1, 3},
                      Fault{StoreCall::kCompleteUpload, 3 * kTestPartBytes,
                            0}));

TEST_F(WriteFaultTest, AFailedFsyncOfASmallFileCanBeTriedAgain) {
  const HandleId handle = *Open("f", kWrite);
  ASSERT_TRUE(Write(handle, 0, "text").ok());
  store_->FailNext(StoreCall::kPut, 2, ErrorCode::kUnavailable);
  EXPECT_EQ(ErrorOf(fs_->Sync(handle)), FsError::kIo);
  EXPECT_EQ(ErrorOf(fs_->Sync(handle)), FsError::kIo);
  EXPECT_TRUE(fs_->Sync(handle).ok());
  EXPECT_EQ(store_->Text("f"), "text");
  EXPECT_TRUE(Close(handle).ok());
}

TEST_F(WriteFaultTest, AFailedUploadFailsTheWritesThatFollow) {
  const HandleId handle = *Open("f", kWrite);
  store_->FailNext(StoreCall::kUploadPart, 1, ErrorCode::kPermissionDenied);
  std::optional<FsError> error;
  for (int i = 0; i < 20 && !error; ++i) {
    error =
        ErrorOf(Write(handle, static_cast<std::uint64_t>(i) * kTestPartBytes,
                      Pattern(kTestPartBytes)));
  }
  EXPECT_EQ(error, FsError::kPermission);
  EXPECT_EQ(ErrorOf(Write(handle, 0, "x")), FsError::kPermission);
  EXPECT_EQ(ErrorOf(Close(handle)), FsError::kPermission);
  EXPECT_EQ(store_->open_uploads(), 0u);
}

TEST_F(WriteFaultTest, AnObjectThatCannotBeReadIsNotRewritten) {
  store_->PutText("f", "0123456789");
  const HandleId handle = *Open("f", kReadWrite);
  store_->FailNext(StoreCall::kGet, 1, ErrorCode::kUnavailable);
  EXPECT_EQ(ErrorOf(Write(handle, 3, "x")), FsError::kIo);
  EXPECT_TRUE(Close(handle).ok());
  EXPECT_EQ(store_->Text("f"), "0123456789");
}

TEST_F(WriteFaultTest, TheEndOfTheMountAbortsWhatWasNotClosed) {
  const HandleId large = *Open("large", kWrite);
  ASSERT_TRUE(Write(large, 0, Pattern(3 * kTestPartBytes)).ok());
  const HandleId small = *Open("small", kWrite);
  ASSERT_TRUE(Write(small, 0, "text").ok());
  fs_.reset();
  EXPECT_TRUE(store_->Keys().empty());
  EXPECT_EQ(store_->open_uploads(), 0u);
}

// Every call may fail: the answers may be errors, the bytes are never wrong.
TEST_F(WriteFaultTest, RandomFaultsNeverMakeWrongContent) {
  const int seed = ::testing::UnitTest::GetInstance()->random_seed();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(static_cast<unsigned>(seed));
  auto dice = std::make_shared<std::atomic<unsigned>>(random());
  std::map<std::string, std::string> stored;
  for (int round = 0; round < 300; ++round) {
    const std::string path = "f" + std::to_string(random() % 4);
    const std::string text = Pattern(random() % (4 * kTestPartBytes),
                                     static_cast<unsigned>(random()));
    store_->SetHook([dice](StoreCall call, const std::string&) -> Status {
      // Aborts that fail leave uploads behind, as they must.
      if (call == StoreCall::kAbortUpload) return OkStatus();
      const unsigned roll = dice->fetch_add(0x9e3779b9u) >> 16;
      if (roll % 8 != 0) return OkStatus();
      return Error{ErrorCode::kUnavailable, "fault of the test"};
    });
    const bool written = WriteFile(path, text).ok();
    store_->SetHook(nullptr);
    if (written) stored[path] = text;
    const auto found = stored.find(path);
    ASSERT_TRUE(
        store_->Text(path) ==
        (found == stored.end() ? std::nullopt : std::optional(found->second)))
        << "round " << round;
    Expire();
    if (found != stored.end()) {
      const auto read = ReadFile(path);
      ASSERT_EQ(ErrorOf(read), std::nullopt) << "round " << round;
      ASSERT_TRUE(*read == found->second) << "round " << round;
    } else {
      ASSERT_EQ(ErrorOf(Walk(path)), FsError::kNotFound);
    }
  }
  EXPECT_EQ(store_->open_uploads(), 0u);
}

}  // namespace
}  // namespace datashim::fs
