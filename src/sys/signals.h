// SIGTERM and SIGINT as a stop token.

#pragma once

#include <memory>
#include <stop_token>

#include "base/result.h"

namespace datashim::sys {

/// Turns the first SIGTERM or SIGINT into a stop request. A second one ends the
/// process at once, for an operator whose stop hangs. Thread-safe.
class SignalStop {
 public:
  virtual ~SignalStop() = default;
  virtual std::stop_token token() const = 0;
};

/// Blocks both signals in the calling thread, and so in all threads it starts
/// later: call it in main before there is another thread. Also ignores
/// SIGPIPE.
Result<std::unique_ptr<SignalStop>> StopOnSignals();

}  // namespace datashim::sys
