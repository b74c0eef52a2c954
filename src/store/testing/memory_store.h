// MemoryStore: an ObjectStore in memory with S3's rules and with faults on
// demand. For tests; it passes the same conformance suite as S3ObjectStore.

#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "store/object_store.h"

namespace datashim::store {

/// The calls of ObjectStore, for faults and counts.
enum class StoreCall {
  kGet,
  kHead,
  kList,
  kPut,
  kCreateUpload,
  kUploadPart,
  kCompleteUpload,
  kAbortUpload,
  kDelete,
  kCopy,
};

struct MemoryStoreOptions {
  /// As S3; tests of uploads may shrink it.
  std::size_t part_bytes_min = 5u << 20;
  std::uint32_t list_keys_max = 1000;
  /// "Modified" times come from here.
  Clock* clock = &SystemClock();
};

/// Thread-safe.
class MemoryStore final : public ObjectStore {
 public:
  explicit MemoryStore(MemoryStoreOptions options = {});
  ~MemoryStore() override;

  Result<std::size_t> Get(const std::string& key, const std::string& etag,
                          ByteRange range, std::span<std::byte> out,
                          Deadline deadline) override;
  Result<ObjectInfo> Head(const std::string& key, Deadline deadline) override;
  Result<ListPage> List(const ListRequest& request, Deadline deadline) override;
  Result<ObjectInfo> Put(const std::string& key,
                         std::span<const std::byte> body,
                         const PutOptions& options, Deadline deadline) override;
  Result<std::string> CreateUpload(const std::string& key,
                                   const PutOptions& options,
                                   Deadline deadline) override;
  Result<UploadedPart> UploadPart(const std::string& key,
                                  const std::string& upload_id,
                                  std::uint32_t number,
                                  std::span<const std::byte> body,
                                  Deadline deadline) override;
  Result<ObjectInfo> CompleteUpload(const std::string& key,
                                    const std::string& upload_id,
                                    const std::vector<UploadedPart>& parts,
                                    const PutOptions& options,
                                    Deadline deadline) override;
  Status AbortUpload(const std::string& key, const std::string& upload_id,
                     Deadline deadline) override;
  Status Delete(const std::string& key, Deadline deadline) override;
  Result<ObjectInfo> Copy(const std::string& source_key,
                          const std::string& source_etag,
                          const std::string& key, Deadline deadline) override;

  // What only tests call.

  /// Puts text without faults, counts or deadlines. @return the new version.
  ObjectInfo PutText(const std::string& key, std::string text);
  /// The bytes of an object; nullopt if there is none.
  std::optional<std::string> Text(const std::string& key) const;
  std::vector<std::string> Keys() const;
  /// Uploads that were created and neither completed nor aborted.
  std::size_t open_uploads() const;

  /// The next `count` calls of this kind fail with `code` and change nothing.
  /// Adds to faults set before.
  void FailNext(StoreCall call, int count, ErrorCode code);

  /// Runs at the start of every call, on its thread, without the store's lock:
  /// it may count, block (to hold requests under way) or fail the call by
  /// returning an error. Replaces the hook of before; nullptr takes it away.
  using Hook = std::function<Status(StoreCall call, const std::string& key)>;
  void SetHook(Hook hook);

  /// Calls so far of this kind, failed ones included.
  std::uint64_t calls(StoreCall call) const;

  /// Blocks calls of this kind from now on until Release or their deadline
  /// (then kDeadlineExceeded).
  void Hold(StoreCall call);
  /// Lets the calls that are held, and later ones, go on.
  void Release(StoreCall call);
  /// Waits until `count` calls of this kind are held.
  /// @return false if that did not happen within 10 s.
  bool AwaitHeld(StoreCall call, int count);

 private:
  struct Object {
    std::shared_ptr<const std::string> bytes;
    ObjectInfo info;
  };
  struct Upload {
    std::string key;
    std::map<std::uint32_t, Object> parts;
  };
  struct Gate {
    bool closed = false;
    int waiting = 0;
  };

  Status Enter(StoreCall call, const std::string& key, Deadline deadline);
  ObjectInfo Insert(const std::string& key, std::string bytes,
                    std::string etag);
  Result<Object> Find(const std::string& key, const std::string& etag) const;
  Result<std::string> Assemble(const Upload& upload,
                               const std::vector<UploadedPart>& parts) const;

  const MemoryStoreOptions options_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;  // A gate or the number of waiters.
  // Below: guarded by mutex_.
  std::map<std::string, Object> objects_;
  std::map<std::string, Upload> uploads_;
  std::map<StoreCall, std::deque<ErrorCode>> faults_;
  std::map<StoreCall, std::uint64_t> calls_;
  std::map<StoreCall, Gate> gates_;
  std::shared_ptr<const Hook> hook_;
  std::uint64_t versions_ = 0;
};

}  // namespace datashim::store
