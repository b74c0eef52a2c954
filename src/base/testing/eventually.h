// For unit tests: waiting for what other threads do.

#pragma once

#include <chrono>
#include <thread>

#include "base/clock.h"

namespace datashim::testing {

/// Asks again and again. @return false if it is not so within 20 s.
template <typename Condition>
bool Eventually(const Condition& condition) {
  const Deadline deadline = Deadline::After(std::chrono::seconds(20));
  while (!condition()) {
    if (deadline.HasPassed()) return false;
    std::this_thread::yield();
  }
  return true;
}

}  // namespace datashim::testing
