// HTTP/1.1 answers from bytes, sans I/O: head and chunked bodies. Bodies of
// known length never come here. Internal to net.

#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>

#include "base/result.h"
#include "net/http_message.h"

namespace datashim::net {

/// How the end of a body is known.
enum class BodyFraming { kNone, kLength, kChunked, kUntilClose };
/// Status line and headers of an answer, and how its body ends.
struct ResponseHead {
  int status = 0;
  HttpHeaders headers;
  BodyFraming framing = BodyFraming::kNone;
  std::uint64_t length = 0;  ///< With kLength.
  bool keep_alive = false;
};

/// One per answer. Thread-compatible. Errors are kUnavailable: what came is no
/// HTTP, or its head is larger than allowed.
class ResponseParser {
 public:
  /// @param to_head  the request was a HEAD: there is no body whatever the
  ///     fields say.
  ResponseParser(std::size_t header_bytes_max, bool to_head);
  ~ResponseParser();

  /// Takes bytes of the head. @return how many: the caller gives the rest
  /// again with more behind it.
  Result<std::size_t> ParseHead(std::string_view bytes);
  /// Complete since ParseHead.
  bool head_done() const;
  /// REQUIRES: head_done().
  const ResponseHead& head() const;
  ResponseHead TakeHead();

  using OnBody = std::function<Status(std::string_view)>;
  /// Takes bytes of a chunked body and gives its content to `on_body`, whose
  /// error it returns. REQUIRES: head().framing == kChunked.
  Result<std::size_t> ParseChunks(std::string_view bytes,
                                  const OnBody& on_body);
  bool body_done() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace datashim::net
