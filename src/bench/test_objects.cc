#include "bench/test_objects.h"

#include <algorithm>
#include <atomic>
#include <functional>
#include <mutex>
#include <optional>
#include <random>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "s3/prefix_eraser.h"

namespace datashim::bench {
namespace {

constexpr std::size_t kLargeObjects = 4;
constexpr std::uint32_t kPartsOfLarge = 8;
constexpr std::size_t kPartBytes = std::size_t{32} << 20;
constexpr std::size_t kSmallObjects = 2000;
constexpr std::size_t kSmallBytes = std::size_t{16} << 10;
constexpr std::size_t kThreads = 8;
constexpr std::chrono::minutes kRequestTimeout{5};

std::vector<std::byte> RandomBytes(std::size_t size) {
  std::mt19937_64 random(size);
  std::vector<std::byte> bytes(size);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random() >> 56);
  return bytes;
}

Status MakeLarge(store::ObjectStore& store, const std::string& key,
                 std::span<const std::byte> part) {
  const auto deadline = [] { return Deadline::After(kRequestTimeout); };
  DS_ASSIGN_OR_RETURN(const std::string id,
                      store.CreateUpload(key, {}, deadline()));
  std::vector<store::UploadedPart> parts;
  for (std::uint32_t number = 1; number <= kPartsOfLarge; ++number) {
    auto uploaded = store.UploadPart(key, id, number, part, deadline());
    if (!uploaded.ok()) {
      (void)store.AbortUpload(key, id, deadline());
      return std::move(uploaded).error();
    }
    parts.push_back(*std::move(uploaded));
  }
  auto made = store.CompleteUpload(key, id, parts, {}, deadline());
  return made.ok() ? OkStatus() : Status(std::move(made).error());
}

// Runs make(0) … make(count - 1) by several threads, up to the first error.
Status ForEach(std::size_t count,
               const std::function<Status(std::size_t)>& make) {
  std::atomic<std::size_t> next = 0;
  std::mutex mutex;
  std::optional<Error> failed;
  const auto work = [&] {
    for (std::size_t i = next++; i < count; i = next++) {
      const Status made = make(i);
      if (made.ok()) continue;
      const std::lock_guard lock(mutex);
      failed = made.error();
      next = count;
    }
  };
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < std::min(kThreads, count); ++i) {
      threads.emplace_back(work);
    }
  }
  return failed ? Status(*failed) : OkStatus();
}

}  // namespace

Status MakeTestObjects(store::ObjectStore& store, bool large) {
  const std::vector<std::byte> part = RandomBytes(kPartBytes);
  DS_RETURN_IF_ERROR(ForEach(large ? kLargeObjects : 0, [&](std::size_t i) {
    return MakeLarge(store, "large/" + std::to_string(i), part);
  }));
  return ForEach(kSmallObjects, [&](std::size_t i) -> Status {
    auto made = store.Put(
        "small/" + std::to_string(10'000 + i),
        std::span(part).subspan(i * kSmallBytes % kPartBytes, kSmallBytes), {},
        Deadline::After(kRequestTimeout));
    return made.ok() ? OkStatus() : Status(std::move(made).error());
  });
}

Status DeleteTestObjects(const std::shared_ptr<s3::S3Client>& client,
                         const std::string& bucket, const std::string& prefix) {
  DS_CHECK(prefix.ends_with('/'));
  s3::PrefixEraser eraser(client, bucket, prefix);
  while (true) {
    DS_ASSIGN_OR_RETURN(const s3::EraseStep step,
                        eraser.Step(Deadline::After(kRequestTimeout)));
    if (step.done) return OkStatus();
  }
}

}  // namespace datashim::bench
