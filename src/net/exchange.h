// One request and its answer over one connection. Internal to net.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "net/body_sink.h"
#include "net/connection_pool.h"
#include "net/response_parser.h"
#include "net/wait.h"

namespace datashim::net {

/// Call Send, ReceiveHead and ReceiveBody once, in this order, until one
/// fails. Thread-compatible.
class Exchange {
 public:
  /// Holds its arguments by reference.
  Exchange(Connection& connection, const WaitLimits& limits,
           std::size_t header_bytes_max)
      : connection_(connection),
        limits_(limits),
        header_bytes_max_(header_bytes_max) {}

  /// Ends early, and still well, when the server answers before it has taken
  /// all.
  Status Send(std::string_view head, std::string_view body);
  /// Skips informational answers (1xx).
  Result<ResponseHead> ReceiveHead(bool to_head);
  Status ReceiveBody(const ResponseHead& head, BodySink& sink);

  /// The server closed before it answered anything. On a reused connection it
  /// may never have seen the request.
  bool closed_unanswered() const { return closed_unanswered_; }
  /// After ReceiveBody: the connection can carry another exchange.
  bool reusable(const ResponseHead& head) const {
    return head.keep_alive && sent_all_ && !cut_ &&
           connection_.received.unused().empty();
  }

 private:
  Status SendAll(std::string_view bytes, bool more_follows);
  Result<bool> Fill(bool expect_wait);
  Status ReceiveOneHead(bool to_head);
  Status ReceiveBytes(std::optional<std::uint64_t> length, BodySink& sink);
  Status ReceiveChunks(BodySink& sink);
  Status CopyTo(BodySink& sink, std::string_view piece);

  Connection& connection_;
  const WaitLimits& limits_;
  const std::size_t header_bytes_max_;
  std::optional<ResponseParser> parser_;
  bool sent_all_ = true;
  bool received_any_ = false;
  bool closed_unanswered_ = false;
  bool cut_ = false;  // The sink wanted no more.
};

}  // namespace datashim::net
