// RawClient: a TCP client that sends exactly what a test says. For tests of
// what HttpClient would never send.

#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace datashim::net {

/// Connects to 127.0.0.1. Reads give up after 10 s.
class RawClient {
 public:
  explicit RawClient(std::uint16_t port);
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;
  ~RawClient();

  bool connected() const { return connected_; }
  void Send(std::string_view bytes);
  /// Up to and with `end`, or what came before the close.
  std::string ReadUntil(std::string_view end);
  /// Until the peer closes or resets.
  std::string ReadToEnd();
  /// Whether bytes or the end come within `patience`.
  bool Readable(std::chrono::milliseconds patience) const;

 private:
  bool Receive();

  int fd_;
  bool connected_ = false;
  std::string buffer_;
};

}  // namespace datashim::net
