#include "net/exchange.h"

#include <algorithm>
#include <cstring>
#include <span>
#include <utility>

namespace datashim::net {
namespace {

// A body of this size goes out with the head in one system call.
constexpr std::size_t kJoinedBodyBytesMax = 16u << 10;
constexpr int kInterimAnswersMax = 8;
// Below this, waking up less often saves less than telling the kernel costs.
constexpr std::size_t kLargeBodyBytes = 256u << 10;

Error CutShort(std::uint64_t missing) {
  return {ErrorCode::kUnavailable, "the server closed the connection " +
                                       std::to_string(missing) +
                                       " bytes before the end of the body"};
}

}  // namespace

Status Exchange::Send(std::string_view head, std::string_view body) {
  if (body.empty()) return SendAll(head, false);
  if (body.size() <= kJoinedBodyBytesMax) {
    std::string text;
    text.reserve(head.size() + body.size());
    text.append(head).append(body);
    return SendAll(text, false);
  }
  DS_RETURN_IF_ERROR(SendAll(head, true));
  return SendAll(body, false);
}

Status Exchange::SendAll(std::string_view bytes, bool more_follows) {
  while (sent_all_ && !bytes.empty()) {
    DS_ASSIGN_OR_RETURN(
        const std::size_t sent,
        connection_.transport->Write(bytes, more_follows, limits_));
    if (sent == 0) sent_all_ = false;
    bytes.remove_prefix(sent);
  }
  return OkStatus();
}

Result<ResponseHead> Exchange::ReceiveHead(bool to_head) {
  for (int i = 0; i < kInterimAnswersMax; ++i) {
    DS_RETURN_IF_ERROR(ReceiveOneHead(to_head));
    if (parser_->head().status >= 200) return parser_->TakeHead();
    if (parser_->head().status == 101) break;
  }
  return Error{ErrorCode::kUnavailable,
               "the server sent informational answers only"};
}

Status Exchange::ReceiveOneHead(bool to_head) {
  parser_.emplace(header_bytes_max_, to_head);
  bool starved = connection_.received.unused().empty();
  while (true) {
    if (starved) {
      auto more = Fill(/*expect_wait=*/true);
      const bool closed =
          more.ok() ? !*more : more.error().code == ErrorCode::kUnavailable;
      closed_unanswered_ = closed && !received_any_;
      if (!more.ok()) return std::move(more).error();
      if (closed) {
        return Error{ErrorCode::kUnavailable,
                     "the server closed the connection without an answer"};
      }
      received_any_ = true;
    }
    DS_ASSIGN_OR_RETURN(const std::size_t taken,
                        parser_->ParseHead(connection_.received.unused()));
    connection_.received.Use(taken);
    if (parser_->head_done()) return OkStatus();
    starved = true;
  }
}

Result<bool> Exchange::Fill(bool expect_wait) {
  return connection_.received.Fill(*connection_.transport, limits_, expect_wait,
                                   header_bytes_max_);
}

Status Exchange::ReceiveBody(const ResponseHead& head, BodySink& sink) {
  switch (head.framing) {
    case BodyFraming::kNone:
      return OkStatus();
    case BodyFraming::kLength:
      DS_RETURN_IF_ERROR(sink.Announce(head.length));
      return ReceiveBytes(head.length, sink);
    case BodyFraming::kChunked:
      return ReceiveChunks(sink);
    case BodyFraming::kUntilClose:  // keep_alive is false.
      return ReceiveBytes(std::nullopt, sink);
  }
  return OkStatus();
}

// `length` nullopt: until the peer closes.
Status Exchange::ReceiveBytes(std::optional<std::uint64_t> length,
                              BodySink& sink) {
  std::uint64_t rest = length.value_or(UINT64_MAX);
  const std::size_t head_start =
      std::min<std::uint64_t>(connection_.received.unused().size(), rest);
  DS_RETURN_IF_ERROR(
      CopyTo(sink, connection_.received.unused().substr(0, head_start)));
  if (cut_) return OkStatus();
  connection_.received.Use(head_start);
  rest -= head_start;
  const bool wake_rarely =
      length && rest >= kLargeBodyBytes && !sink.wants_early();
  while (rest > 0) {
    DS_ASSIGN_OR_RETURN(std::span<char> space, sink.Space());
    if (space.empty()) {
      cut_ = true;
      break;
    }
    space = space.first(std::min<std::uint64_t>(space.size(), rest));
    if (wake_rarely) connection_.transport->ExpectBytes(space.size());
    DS_ASSIGN_OR_RETURN(
        const std::size_t received,
        connection_.transport->Read(space, limits_, /*expect_wait=*/false));
    if (received == 0) return length ? Status(CutShort(rest)) : OkStatus();
    DS_RETURN_IF_ERROR(sink.Commit(received));
    rest -= received;
  }
  if (wake_rarely) connection_.transport->ExpectBytes(1);
  return OkStatus();
}

Status Exchange::ReceiveChunks(BodySink& sink) {
  const auto on_body = [&](std::string_view piece) -> Status {
    DS_RETURN_IF_ERROR(CopyTo(sink, piece));
    if (!cut_) return OkStatus();
    return Error{ErrorCode::kCancelled, "cut"};
  };
  while (true) {
    auto taken = parser_->ParseChunks(connection_.received.unused(), on_body);
    if (cut_) return OkStatus();
    if (!taken.ok()) return std::move(taken).error();
    connection_.received.Use(*taken);
    if (parser_->body_done()) return OkStatus();
    DS_ASSIGN_OR_RETURN(const bool more, Fill(/*expect_wait=*/false));
    if (!more) {
      return Error{ErrorCode::kUnavailable,
                   "the server closed the connection before the last chunk"};
    }
  }
}

Status Exchange::CopyTo(BodySink& sink, std::string_view piece) {
  while (!piece.empty()) {
    DS_ASSIGN_OR_RETURN(const std::span<char> space, sink.Space());
    if (space.empty()) {
      cut_ = true;
      return OkStatus();
    }
    const std::size_t size = std::min(space.size(), piece.size());
    std::memcpy(space.data(), piece.data(), size);
    DS_RETURN_IF_ERROR(sink.Commit(size));
    piece.remove_prefix(size);
  }
  return OkStatus();
}

}  // namespace datashim::net
