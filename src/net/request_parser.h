// HTTP/1.1 requests from bytes, sans I/O. Internal to net.

#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include "base/result.h"
#include "net/http_server.h"

namespace datashim::net {

/// One per request. Thread-compatible.
class RequestParser {
 public:
  RequestParser(std::size_t header_bytes_max, std::size_t body_bytes_max);
  ~RequestParser();

  /// Takes bytes of the request. @return how many: the caller gives the rest
  /// again with more behind it, until done().
  ///
  /// Errors, after which the connection is of no more use: kInvalidArgument
  /// (this is no request), kResourceExhausted (the body is too large),
  /// kOutOfRange (the head is).
  Result<std::size_t> Parse(std::string_view bytes);

  bool done() const;
  /// The head is there, and the client wants to hear "100 Continue" before it
  /// sends the body.
  bool wants_continue() const;

  // REQUIRES, both: done().
  bool keep_alive() const;
  HttpRequest TakeRequest();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace datashim::net
