// Time as an interface, so that timeouts, back-off and TTLs are tested without
// sleeping. Only base/ and sys/ read the real clocks.

#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <stop_token>

namespace datashim {

using Duration = std::chrono::nanoseconds;
/// Monotonic; for timeouts and ages.
using MonotonicTime = std::chrono::steady_clock::time_point;
/// Civil time, UTC; for signatures, certificates and object metadata.
using WallTime = std::chrono::system_clock::time_point;

/// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual MonotonicTime Now() const = 0;
  virtual WallTime WallNow() const = 0;
  /// Returns after `duration`, or at once when `stop` is requested.
  /// @return false if it was stopped.
  virtual bool SleepFor(Duration duration, std::stop_token stop) = 0;
};

/// The machine's clocks. One instance for the process; never destroyed.
Clock& SystemClock();

/// A point in time by which a call must have ended. Passed by value down the
/// stack; only the outermost caller chooses it.
class Deadline {
 public:
  static Deadline After(Duration duration, const Clock& clock = SystemClock()) {
    return Deadline(clock.Now() + duration);
  }
  static Deadline At(MonotonicTime time) { return Deadline(time); }
  static Deadline Never() { return Deadline(MonotonicTime::max()); }

  MonotonicTime time() const { return time_; }
  bool HasPassed(const Clock& clock = SystemClock()) const {
    return clock.Now() >= time_;
  }
  /// Time left; zero when it has passed.
  Duration Remaining(const Clock& clock = SystemClock()) const;
  /// The earlier of the two.
  Deadline Min(Deadline other) const {
    return Deadline(time_ < other.time_ ? time_ : other.time_);
  }

 private:
  explicit Deadline(MonotonicTime time) : time_(time) {}
  MonotonicTime time_;
};

/// Moves only when told to. SleepFor returns as soon as Advance has passed its
/// end. Thread-safe. For tests.
class FakeClock final : public Clock {
 public:
  MonotonicTime Now() const override;
  WallTime WallNow() const override;
  bool SleepFor(Duration duration, std::stop_token stop) override;

  void Advance(Duration duration);
  void SetWall(WallTime wall);

 private:
  mutable std::mutex mutex_;
  std::condition_variable_any moved_;
  MonotonicTime now_{std::chrono::hours(1)};
  WallTime wall_{std::chrono::seconds(1'700'000'000)};
};

}  // namespace datashim
