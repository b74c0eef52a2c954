// Events that people see in `kubectl describe` and `kubectl get events`
// (core/v1). Best effort by design: an event is never worth a late reconcile.

#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "base/thread_pool.h"
#include "kube/client.h"
#include "kube/object.h"
#include "kube/recency_map.h"

namespace datashim::kube {

/// What kubectl shows as TYPE.
enum class EventType { kNormal, kWarning };

/// Who tells, and how much of it.
struct EventOptions {
  std::string component = "datashim";  ///< "From" in kubectl describe.
  std::string host{};                  ///< Name of the pod; may be empty.
  /// Events waiting to be sent; more are dropped and counted.
  std::size_t queue_items_max = 1000;
  /// Series and objects that are remembered; the oldest is forgotten.
  std::size_t series_max = 4096;
  /// Per object: that many at once, then one per refill (client-go's numbers).
  int burst_per_object = 25;
  Duration refill_per_object = std::chrono::minutes(5);
};

/// The API server refuses longer messages; the rest is cut at a character.
inline constexpr std::size_t kEventMessageBytesMax = 1024;

/// At most `bytes_max` bytes of UTF-8, cut where a character begins, with "…"
/// at its end. REQUIRES: bytes_max >= 3.
std::string CutText(std::string_view text, std::size_t bytes_max);

/// The object an event is about.
struct ObjectReference {
  std::string api_version{};
  std::string kind{};
  ObjectKey key{};
  std::string uid{};
  std::string resource_version{};
};
ObjectReference ReferenceTo(const Json& object);

/// What somebody wants told.
struct Notice {
  ObjectReference about{};
  EventType type = EventType::kNormal;
  std::string reason{};  ///< CamelCase: machines match it.
  std::string message{};
};

/// A request that makes a notice an Event of the API server.
struct EventWrite {
  ObjectKey event;
  bool is_patch = false;  ///< A merge patch of the Event; else a new one.
  std::shared_ptr<Json> body;
};

/// Decides what to send for a notice; does no I/O. Thread-compatible.
///
/// The same type, reason and message about the same object is one Event whose
/// count grows.
class EventCorrelator {
 public:
  explicit EventCorrelator(const EventOptions& options)
      : options_(options),
        series_(options.series_max),
        budgets_(options.series_max) {}

  /// @return nullopt if the object has had its share of events for now.
  std::optional<EventWrite> Plan(const Notice& notice, MonotonicTime now,
                                 WallTime wall_now);
  /// The Event that Plan wanted to patch is gone (they live an hour): a new
  /// one that goes on counting.
  EventWrite PlanAnew(const Notice& notice, WallTime wall_now);

 private:
  struct Series {
    ObjectKey event;
    std::int64_t count = 0;
    std::string first_time;
  };
  struct Budget {
    double tokens = 0;
    MonotonicTime filled_at;
  };

  bool TakeToken(const std::string& object, MonotonicTime now);
  EventWrite MakeEvent(const Notice& notice, const Series& series,
                       WallTime wall_now) const;

  const EventOptions options_;
  // Both forget what was used least recently; see RecencyMap.
  RecencyMap<Series> series_;
  RecencyMap<Budget> budgets_;
};

/// Thread-safe. Emit never blocks and never fails; what cannot be told is
/// counted.
class EventRecorder {
 public:
  /// `client` and `clock` outlive the recorder.
  EventRecorder(Client& client, EventOptions options,
                Clock& clock = SystemClock());
  EventRecorder(const EventRecorder&) = delete;
  EventRecorder& operator=(const EventRecorder&) = delete;
  /// Stop().
  ~EventRecorder();

  void Emit(const Json& object, EventType type, std::string_view reason,
            std::string_view message);

  void Start();
  void RequestStop();
  /// Gives what is queued a second to be sent. Idempotent.
  void Stop();

  struct Metrics {
    std::uint64_t sent = 0;
    std::uint64_t dropped = 0;  ///< Queue full or the object's share used.
    std::uint64_t failed = 0;   ///< The API server refused.
  };
  Metrics metrics() const;

 private:
  void Run();
  void Send(const Notice& notice, Deadline deadline);
  Status Write(const EventWrite& write, Deadline deadline);

  Client& client_;
  const EventOptions options_;
  Clock& clock_;
  EventCorrelator correlator_;  // The recorder's thread only.
  mutable std::mutex mutex_;
  std::condition_variable_any queued_;
  std::deque<Notice> queue_;  // Guarded by mutex_.
  Metrics metrics_;           // Guarded by mutex_.
  std::stop_source stop_;
  std::unique_ptr<ThreadPool> thread_;
};

}  // namespace datashim::kube
