#include "store/testing/memory_store.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "store/testing/conformance.h"
#include "store/testing/conformance_lists.h"
#include "store/testing/conformance_uploads.h"

namespace datashim::store {
namespace {

const ConformanceCase kMemory = {
    "Memory",
    [] {
      return std::make_shared<MemoryStore>(
          MemoryStoreOptions{.part_bytes_min = 1000});
    },
    1000};
const auto kName = [](const auto& test) { return test.param.name; };
INSTANTIATE_TEST_SUITE_P(Memory, ObjectStoreTest, ::testing::Values(kMemory),
                         kName);
INSTANTIATE_TEST_SUITE_P(Memory, ObjectStoreListTest,
                         ::testing::Values(kMemory), kName);
INSTANTIATE_TEST_SUITE_P(Memory, ObjectStoreUploadTest,
                         ::testing::Values(kMemory), kName);

const Deadline kNever = Deadline::Never();

TEST(MemoryStoreTest, FailsAsManyCallsAsToldAndChangesNothing) {
  MemoryStore store;
  store.PutText("k", "old");
  store.FailNext(StoreCall::kPut, 2, ErrorCode::kUnavailable);
  for (int i = 0; i < 2; ++i) {
    const auto put = store.Put("k", AsBytes("new"), {}, kNever);
    ASSERT_FALSE(put.ok());
    EXPECT_EQ(put.error().code, ErrorCode::kUnavailable);
  }
  EXPECT_EQ(store.Text("k"), "old");
  EXPECT_TRUE(store.Head("k", kNever).ok());
  EXPECT_TRUE(store.Put("k", AsBytes("new"), {}, kNever).ok());
  EXPECT_EQ(store.Text("k"), "new");
  EXPECT_EQ(store.calls(StoreCall::kPut), 3u);
}

TEST(MemoryStoreTest, HoldsCallsUntilReleased) {
  MemoryStore store;
  store.PutText("k", "x");
  store.Hold(StoreCall::kHead);
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([&] { EXPECT_TRUE(store.Head("k", kNever).ok()); });
  }
  EXPECT_TRUE(store.AwaitHeld(StoreCall::kHead, 2));
  store.Release(StoreCall::kHead);
  for (auto& thread : threads) thread.join();
}

TEST(MemoryStoreTest, AHeldCallEndsWithItsDeadline) {
  MemoryStore store;
  store.Hold(StoreCall::kHead);
  const auto head =
      store.Head("k", Deadline::After(std::chrono::milliseconds(20)));
  ASSERT_FALSE(head.ok());
  EXPECT_EQ(head.error().code, ErrorCode::kDeadlineExceeded);
}

TEST(MemoryStoreTest, AHookMayRefuseACall) {
  MemoryStore store;
  store.SetHook([](StoreCall call, const std::string& key) -> Status {
    if (call != StoreCall::kDelete || key != "locked") return OkStatus();
    return Error{ErrorCode::kPermissionDenied, "locked"};
  });
  store.PutText("locked", "x");
  EXPECT_FALSE(store.Delete("locked", kNever).ok());
  EXPECT_TRUE(store.Delete("other", kNever).ok());
  EXPECT_EQ(store.Keys(), std::vector<std::string>{"locked"});
  store.SetHook(nullptr);
  EXPECT_TRUE(store.Delete("locked", kNever).ok());
}

}  // namespace
}  // namespace datashim::store
