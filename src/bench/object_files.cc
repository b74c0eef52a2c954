#include <algorithm>
#include <atomic>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "base/clock.h"
#include "bench/files.h"

namespace datashim::bench {
namespace {

constexpr std::uint64_t kPartBytes = std::uint64_t{8} << 20;
constexpr std::size_t kPartsAtOnce = 16;
constexpr std::chrono::seconds kRequestTimeout{60};

class Objects final : public Files {
 public:
  explicit Objects(std::shared_ptr<store::ObjectStore> store)
      : store_(std::move(store)) {}

  Result<std::vector<File>> Walk(std::size_t names_max) override {
    std::vector<File> files;
    store::ListRequest request;
    do {
      DS_ASSIGN_OR_RETURN(
          store::ListPage page,
          store_->List(request, Deadline::After(kRequestTimeout)));
      for (store::ObjectInfo& object : page.objects) {
        if (object.key.ends_with('/')) continue;  // Marks a directory.
        files.push_back({std::move(object.key), object.size});
      }
      request.continuation = std::move(page.continuation);
    } while (!request.continuation.empty() && files.size() < names_max);
    return files;
  }

  Result<std::uint64_t> ReadWhole(const File& file) override {
    const std::uint64_t parts = (file.bytes + kPartBytes - 1) / kPartBytes;
    std::atomic<std::uint64_t> next = 0;
    std::mutex mutex;
    std::optional<Error> failed;
    const auto read_parts = [&] {
      std::vector<std::byte> buffer(std::min(kPartBytes, file.bytes));
      for (std::uint64_t part = next++; part < parts; part = next++) {
        const std::uint64_t offset = part * kPartBytes;
        const Status read = Get(
            file, offset,
            std::span(buffer).first(std::min(kPartBytes, file.bytes - offset)));
        if (read.ok()) continue;
        const std::lock_guard lock(mutex);
        failed = read.error();
        next = parts;
      }
    };
    std::vector<std::jthread> others;
    for (std::uint64_t i = 1; i < std::min(kPartsAtOnce, parts); ++i) {
      others.emplace_back(read_parts);
    }
    read_parts();
    others.clear();
    if (failed) return *failed;
    return file.bytes;
  }

  // Objects have no pages: the bytes have to come all the same.
  Result<std::uint64_t> TouchWhole(const File& file) override {
    return ReadWhole(file);
  }

  Result<ReadAt> Open(const File& file) override {
    return ReadAt(
        [this, file](std::uint64_t offset, std::span<std::byte> buffer) {
          return Get(file, offset, buffer);
        });
  }

 private:
  Status Get(const File& file, std::uint64_t offset,
             std::span<std::byte> buffer) {
    DS_ASSIGN_OR_RETURN(const std::size_t got,
                        store_->Get(file.path, "", {offset, buffer.size()},
                                    buffer, Deadline::After(kRequestTimeout)));
    if (got == buffer.size()) return OkStatus();
    return Error{ErrorCode::kDataLoss,
                 "object \"" + file.path + "\" became shorter"};
  }

  const std::shared_ptr<store::ObjectStore> store_;
};

}  // namespace

std::unique_ptr<Files> ObjectFiles(std::shared_ptr<store::ObjectStore> store) {
  return std::make_unique<Objects>(std::move(store));
}

}  // namespace datashim::bench
