#include "base/clock.h"

namespace datashim {
namespace {

class RealClock final : public Clock {
 public:
  MonotonicTime Now() const override {
    return std::chrono::steady_clock::now();
  }
  WallTime WallNow() const override { return std::chrono::system_clock::now(); }
  bool SleepFor(Duration duration, std::stop_token stop) override {
    std::mutex mutex;
    std::condition_variable_any never;
    std::unique_lock lock(mutex);
    never.wait_for(lock, stop, duration, [] { return false; });
    return !stop.stop_requested();
  }
};

}  // namespace

Clock& SystemClock() {
  static RealClock* const clock = new RealClock;
  return *clock;
}

Duration Deadline::Remaining(const Clock& clock) const {
  if (time_ == MonotonicTime::max()) return Duration::max();
  const MonotonicTime now = clock.Now();
  return now >= time_ ? Duration::zero() : Duration(time_ - now);
}

MonotonicTime FakeClock::Now() const {
  const std::lock_guard lock(mutex_);
  return now_;
}

WallTime FakeClock::WallNow() const {
  const std::lock_guard lock(mutex_);
  return wall_;
}

bool FakeClock::SleepFor(Duration duration, std::stop_token stop) {
  std::unique_lock lock(mutex_);
  const MonotonicTime end = now_ + duration;
  moved_.wait(lock, stop, [&] { return now_ >= end; });
  return !stop.stop_requested();
}

void FakeClock::Advance(Duration duration) {
  {
    const std::lock_guard lock(mutex_);
    now_ += duration;
    wall_ += std::chrono::duration_cast<WallTime::duration>(duration);
  }
  moved_.notify_all();
}

void FakeClock::SetWall(WallTime wall) {
  const std::lock_guard lock(mutex_);
  wall_ = wall;
}

}  // namespace datashim
