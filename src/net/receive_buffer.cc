#include "net/receive_buffer.h"

#include <cstring>
#include <span>

namespace datashim::net {
namespace {

// Holds the head of a message and a small body.
constexpr std::size_t kInitialBytes = 16u << 10;

}  // namespace

Result<bool> ReceiveBuffer::Fill(Transport& transport, const WaitLimits& limits,
                                 bool expect_wait, std::size_t bytes_max) {
  if (bytes_.empty()) bytes_.resize(kInitialBytes);
  const std::size_t kept = unused().size();
  std::memmove(bytes_.data(), unused().data(), kept);
  begin_ = 0;
  end_ = kept;
  if (kept == bytes_.size()) {
    if (kept >= bytes_max) {
      return Error{ErrorCode::kUnavailable,
                   "a line of the message is too long"};
    }
    bytes_.resize(kept * 2);
  }
  DS_ASSIGN_OR_RETURN(
      const std::size_t received,
      transport.Read(std::span(bytes_).subspan(kept), limits, expect_wait));
  end_ += received;
  return received > 0;
}

}  // namespace datashim::net
