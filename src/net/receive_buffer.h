// Bytes that were received and not used yet. Internal to net.

#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "net/transport.h"
#include "net/wait.h"

namespace datashim::net {

/// Thread-compatible.
class ReceiveBuffer {
 public:
  std::string_view unused() const {
    return {bytes_.data() + begin_, end_ - begin_};
  }
  /// REQUIRES: size <= unused().size().
  void Use(std::size_t size) { begin_ += size; }

  /// Receives behind the unused bytes; grows when there is no room.
  /// @return false when the peer has closed; kUnavailable when `bytes_max` or
  ///     more are unused already.
  Result<bool> Fill(Transport& transport, const WaitLimits& limits,
                    bool expect_wait, std::size_t bytes_max);

 private:
  std::vector<char> bytes_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace datashim::net
