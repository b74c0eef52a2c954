// ScriptedServer: a TCP server that does to each connection exactly what a
// test says, right or wrong. For tests of what HttpServer would never send.

#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

namespace datashim::net {

/// One accepted connection; closed when the script returns.
class ScriptedConnection {
 public:
  explicit ScriptedConnection(int fd) : fd_(fd) {}

  /// Bytes up to the end of one request, by its Content-Length; what comes
  /// behind stays for the next call. Empty when the peer closed.
  std::string ReadRequest();
  /// Sends as much as the peer takes.
  void Send(std::string_view bytes);
  /// Waits until the peer has closed or the server stops.
  void AwaitClose();
  /// Makes the close a reset, so that the peer's next write or read fails.
  void ResetOnClose();

 private:
  bool Receive();

  const int fd_;
  std::string buffer_;
};

/// Listens on 127.0.0.1.
class ScriptedServer {
 public:
  /// Runs on a thread per connection. `index` counts connections from 0.
  using Script = std::function<void(ScriptedConnection& connection, int index)>;

  explicit ScriptedServer(Script script);
  /// Ends all connections and waits for their scripts.
  ~ScriptedServer();

  std::uint16_t port() const { return port_; }
  int connections() const { return connections_; }

 private:
  void Accept();

  const Script script_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<int> connections_{0};
  std::mutex mutex_;
  std::list<int> open_;             // Guarded by mutex_.
  std::list<std::thread> threads_;  // Guarded by mutex_.
  std::thread acceptor_;
};

}  // namespace datashim::net
