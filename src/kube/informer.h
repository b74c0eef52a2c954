// Informer: a current in-memory copy of the objects of one kind, with events
// for what changes. Only reads; decisions belong to its users.

#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <shared_mutex>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/thread_pool.h"
#include "kube/client.h"
#include "kube/object.h"
#include "kube/object_cache.h"
#include "kube/reflector.h"

namespace datashim::kube {

/// Which objects an Informer keeps, and what of them.
struct InformerOptions {
  std::string namespace_name{};  ///< Empty: all namespaces.
  std::string label_selector{};
  std::string field_selector{};
  /// Secondary indexes by name, such as {kOwnerIndex, OwnerUids}.
  ObjectCache::Indexes indexes{};
  /// Drops from each object, before it is kept, what nobody reads.
  /// metadata.managedFields is always dropped: often half of the bytes.
  std::function<void(Json&)> transform{};
  ReflectorOptions reflector{};
};

/// Thread-safe. Handlers run one after the other on the informer's thread, in
/// the order of changes, after the copy shows the change; they must not block
/// (add the key to a WorkQueue). Objects are shared and immutable.
class Informer {
 public:
  using Handler = std::function<void(const ObjectChange&)>;

  /// `client` and `clock` outlive the informer.
  Informer(Client& client, const ResourceType& type, InformerOptions options,
           Clock& clock = SystemClock());
  Informer(const Informer&) = delete;
  Informer& operator=(const Informer&) = delete;
  /// Stop().
  ~Informer();

  /// REQUIRES: not started. Called for add (before null), update, delete
  /// (after null).
  void AddHandler(Handler handler);

  /// Starts to list and watch, and goes on through errors until Stop.
  void Start();
  void RequestStop();
  /// Ends within the time that a handler takes. Idempotent.
  void Stop();

  /// True once the first list is complete and was told to the handlers.
  bool HasSynced() const;
  /// @return false at the deadline or when stopped first.
  bool WaitForSync(Deadline deadline) const;

  ObjectPtr Get(const ObjectKey& key) const;
  std::vector<ObjectPtr> List(std::string_view namespace_name = {}) const;
  std::vector<ObjectPtr> ByIndex(std::string_view index,
                                 std::string_view value) const;
  std::size_t size() const;

  struct Metrics {
    std::uint64_t lists = 0;  ///< More than 1: a watch could not go on.
    std::uint64_t watches = 0;
    std::uint64_t events = 0;  ///< Bookmarks included.
    std::string last_error;    ///< Empty while all is well.
  };
  Metrics metrics() const;
  const ResourceType& type() const { return type_; }

 private:
  void Run();
  void ListOnePage(const ReflectorAction& action);
  void WatchOnce(const ReflectorAction& action);
  void OnEvent(WatchEvent event);
  std::shared_ptr<Json> Strip(std::shared_ptr<Json> object) const;
  void Tell(const ObjectChange& change);
  void SetError(const Error& error);

  Client& client_;
  const ResourceType type_;
  const InformerOptions options_;
  Clock& clock_;
  std::vector<Handler> handlers_;

  // The informer's thread only.
  Reflector reflector_;
  std::vector<ObjectPtr> listed_;  ///< Pages of a list that is under way.

  mutable std::shared_mutex mutex_;
  ObjectCache cache_;         // Guarded by mutex_.
  bool synced_ = false;       // Guarded by mutex_.
  Metrics metrics_;           // Guarded by mutex_.
  std::stop_source settled_;  ///< "Stopped" once synced or stopping.
  std::stop_source stop_;
  std::unique_ptr<ThreadPool> thread_;
};

}  // namespace datashim::kube
