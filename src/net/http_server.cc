#include "net/http_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <list>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include "base/thread_pool.h"
#include "net/message_text.h"
#include "net/receive_buffer.h"
#include "net/request_parser.h"
#include "net/tls.h"
#include "net/transport.h"
#include "net/wait.h"

namespace datashim::net {
namespace {

// After a refusal: what the client still sends is read for this long, so that
// it sees the answer and no reset.
constexpr auto kLingerTimeout = std::chrono::seconds(1);
// After a failed accept, mostly for lack of descriptors.
constexpr auto kAcceptPause = std::chrono::milliseconds(100);
constexpr std::size_t kReadBytes = 16u << 10;
constexpr char kContinue[] = "HTTP/1.1 100 Continue\r\n\r\n";

int StatusFor(const Error& error) {
  if (error.code == ErrorCode::kResourceExhausted) return 413;
  if (error.code == ErrorCode::kOutOfRange) return 431;
  return 400;
}

/// One connection, on its thread.
class Session {
 public:
  /// `idle` ends waits for the next request, `abort` all others.
  Session(std::unique_ptr<Transport> transport,
          const HttpServerOptions& options, const HttpHandler& handler,
          const std::atomic<bool>& may_go_on, const Interrupt& idle,
          const Interrupt& abort)
      : transport_(std::move(transport)),
        options_(options),
        handler_(handler),
        may_go_on_(may_go_on),
        idle_(idle),
        abort_(abort) {}

  void Serve() {
    // A new connection has no right to idle.
    Duration patience = options_.request_timeout;
    while (AwaitRequest(patience) && ServeOne()) {
      patience = options_.idle_timeout;
    }
  }

 private:
  WaitLimits Within(Duration duration) const {
    return {Deadline::After(duration), std::nullopt, &abort_};
  }

  // The first byte of a request.
  bool AwaitRequest(Duration patience) {
    if (idle_.requested()) return false;
    if (!received_.unused().empty()) return true;
    WaitLimits limits = Within(patience);
    limits.interrupt = &idle_;
    return Fill(limits);
  }

  bool Fill(const WaitLimits& limits) {
    const auto more = received_.Fill(*transport_, limits, /*expect_wait=*/false,
                                     options_.header_bytes_max + kReadBytes);
    return more.ok() && *more;
  }

  // @return whether the connection goes on.
  bool ServeOne() {
    RequestParser parser(options_.header_bytes_max, options_.body_bytes_max);
    const WaitLimits limits = Within(options_.request_timeout);
    bool continued = false;
    while (true) {
      const auto taken = parser.Parse(received_.unused());
      if (!taken.ok()) {
        Refuse(taken.error());
        return false;
      }
      received_.Use(*taken);
      if (parser.done()) break;
      if (!continued && parser.wants_continue()) {
        continued = true;
        if (!Send(kContinue, limits)) return false;
      }
      if (!Fill(limits)) return false;
    }
    const bool keep_alive = parser.keep_alive();
    const HttpRequest request = parser.TakeRequest();
    const HttpResponse response = handler_(request);
    const bool goes_on = keep_alive && may_go_on_ && !idle_.requested();
    std::string text = FormatResponseHead(response, goes_on);
    if (request.method != "HEAD") text += response.body;
    return Send(text, Within(options_.request_timeout)) && goes_on;
  }

  void Refuse(const Error& error) {
    const HttpResponse refusal = {StatusFor(error),
                                  {{"Content-Type", "text/plain"}},
                                  error.message + "\n"};
    const WaitLimits limits = Within(kLingerTimeout);
    if (!Send(FormatResponseHead(refusal, false) + refusal.body, limits)) {
      return;
    }
    transport_->FinishWriting();
    std::array<char, kReadBytes> ignored;
    while (true) {
      const auto size = transport_->Read(ignored, limits, false);
      if (!size.ok() || *size == 0) return;
    }
  }

  bool Send(std::string_view bytes, const WaitLimits& limits) {
    while (!bytes.empty()) {
      const auto sent = transport_->Write(bytes, false, limits);
      if (!sent.ok()) return false;
      if (*sent == 0) return false;
      bytes.remove_prefix(*sent);
    }
    return true;
  }

  std::unique_ptr<Transport> transport_;
  const HttpServerOptions& options_;
  const HttpHandler& handler_;
  const std::atomic<bool>& may_go_on_;
  const Interrupt& idle_;
  const Interrupt& abort_;
  ReceiveBuffer received_;
};

Error ListenError(const HttpServerOptions& options, ErrorCode code,
                  const std::string& why) {
  return {code, "listen on " + options.address + " port " +
                    std::to_string(options.port) + ": " + why};
}

struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;

  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

Result<Address> ParseAddress(const HttpServerOptions& options) {
  Address address;
  sockaddr_in v4{};
  sockaddr_in6 v6{};
  if (::inet_pton(AF_INET, options.address.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(options.port);
    std::memcpy(&address.storage, &v4, sizeof(v4));
    address.size = sizeof(v4);
    return address;
  }
  if (::inet_pton(AF_INET6, options.address.c_str(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(options.port);
    std::memcpy(&address.storage, &v6, sizeof(v6));
    address.size = sizeof(v6);
    return address;
  }
  return ListenError(options, ErrorCode::kInvalidArgument,
                     "this is no IPv4 or IPv6 address");
}

Result<FileDescriptor> Listen(const HttpServerOptions& options) {
  DS_ASSIGN_OR_RETURN(Address address, ParseAddress(options));
  FileDescriptor listener(::socket(address.storage.ss_family,
                                   SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
                                   0));
  const int on = 1;
  const int off = 0;
  ::setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  ::setsockopt(listener.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
  if (::bind(listener.get(), address.get(), address.size) != 0 ||
      ::listen(listener.get(), SOMAXCONN) != 0) {
    return ListenError(options, ErrorCode::kUnavailable,
                       std::generic_category().message(errno));
  }
  return listener;
}

std::uint16_t PortOf(const FileDescriptor& listener) {
  Address address;
  address.size = sizeof(address.storage);
  ::getsockname(listener.get(), address.get(), &address.size);
  // The port is at the same place for IPv4 and IPv6.
  sockaddr_in v4{};
  std::memcpy(&v4, &address.storage, sizeof(v4));
  return ntohs(v4.sin_port);
}

}  // namespace

class HttpServer::Impl {
 public:
  Impl(HttpServerOptions options, HttpHandler handler)
      : options_(std::move(options)), handler_(std::move(handler)) {}
  ~Impl() { Stop(Duration::zero()); }

  Status Start() {
    DS_RETURN_IF_ERROR(SetCertificate(options_.certificate));
    DS_ASSIGN_OR_RETURN(listener_, Listen(options_));
    port_ = PortOf(listener_);
    acceptor_ = std::thread([this] { AcceptLoop(); });
    return OkStatus();
  }

  Status SetCertificate(const ServerCertificate& certificate) {
    DS_ASSIGN_OR_RETURN(std::shared_ptr<const TlsServer> tls,
                        TlsServer::Make(certificate));
    std::lock_guard lock(mutex_);
    tls_ = std::move(tls);
    return OkStatus();
  }

  void EndKeepAlive() { keep_alive_ = false; }

  void Stop(Duration drain) {
    std::lock_guard only_one(stop_mutex_);
    {
      std::lock_guard lock(mutex_);
      stopping_.Request();
    }
    ended_.notify_all();
    if (acceptor_.joinable()) acceptor_.join();
    listener_ = FileDescriptor();
    {
      std::unique_lock lock(mutex_);
      ended_.wait_for(lock, drain, [&] { return running_.empty(); });
    }
    abort_.Request();
    {
      std::unique_lock lock(mutex_);
      ended_.wait(lock, [&] { return running_.empty(); });
    }
    JoinEnded();
  }

  std::uint16_t port() const { return port_; }

 private:
  void AcceptLoop() {
    SetThreadName("http/accept");
    const WaitLimits limits = {Deadline::Never(), std::nullopt, &stopping_};
    while (AwaitRoom()) {
      JoinEnded();
      if (!WaitReady(listener_.get(), POLLIN, limits).ok()) return;
      FileDescriptor socket(::accept4(listener_.get(), nullptr, nullptr,
                                      SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (socket) {
        Begin(std::move(socket));
      } else if (errno != EAGAIN && errno != ECONNABORTED) {
        SystemClock().SleepFor(kAcceptPause, stopping_.token());
      }
    }
  }

  // @return false when the server stops.
  bool AwaitRoom() {
    std::unique_lock lock(mutex_);
    ended_.wait(lock, [&] {
      return stopping_.requested() ||
             running_.size() < options_.connections_max;
    });
    return !stopping_.requested();
  }

  void Begin(FileDescriptor socket) {
    const int on = 1;
    ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    std::lock_guard lock(mutex_);
    const auto self = running_.emplace(running_.end());
    // The thread takes the lock before it touches the list, so it finds itself
    // there.
    *self = std::thread(
        [this, self, socket = std::move(socket), tls = tls_]() mutable {
          SetThreadName("http");
          Serve(std::move(socket), *tls);
          std::lock_guard ending(mutex_);
          ended_threads_.splice(ended_threads_.end(), running_, self);
          ended_.notify_all();
        });
  }

  void Serve(FileDescriptor socket, const TlsServer& tls) {
    std::unique_ptr<Transport> transport;
    if (options_.tls) {
      const WaitLimits limits = {Deadline::After(options_.request_timeout),
                                 std::nullopt, &stopping_};
      auto shaken = tls.Handshake(std::move(socket), limits);
      if (!shaken.ok()) return;
      transport = std::move(shaken).value();
    } else {
      transport = MakePlainTransport(std::move(socket), Side::kServer);
    }
    Session(std::move(transport), options_, handler_, keep_alive_, stopping_,
            abort_)
        .Serve();
  }

  void JoinEnded() {
    std::list<std::thread> ended;
    {
      std::lock_guard lock(mutex_);
      ended.swap(ended_threads_);
    }
    for (std::thread& thread : ended) thread.join();
  }

  const HttpServerOptions options_;
  const HttpHandler handler_;
  FileDescriptor listener_;
  std::uint16_t port_ = 0;
  std::thread acceptor_;
  std::atomic<bool> keep_alive_ = true;
  Interrupt stopping_;  // No new requests.
  Interrupt abort_;     // No old ones either.
  std::mutex stop_mutex_;
  std::mutex mutex_;
  std::condition_variable ended_;  // A session has, or the server stops.
  // Guarded by mutex_.
  std::shared_ptr<const TlsServer> tls_;
  std::list<std::thread> running_;
  std::list<std::thread> ended_threads_;
};

HttpServer::HttpServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpServer::~HttpServer() = default;

Result<std::unique_ptr<HttpServer>> HttpServer::Start(HttpServerOptions options,
                                                      HttpHandler handler) {
  DS_CHECK(options.connections_max > 0);
  auto impl = std::make_unique<Impl>(std::move(options), std::move(handler));
  DS_RETURN_IF_ERROR(impl->Start());
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
}

std::uint16_t HttpServer::port() const { return impl_->port(); }

Status HttpServer::SetCertificate(const ServerCertificate& certificate) {
  return impl_->SetCertificate(certificate);
}

void HttpServer::EndKeepAlive() { impl_->EndKeepAlive(); }

void HttpServer::Stop(Duration drain) { impl_->Stop(drain); }

}  // namespace datashim::net
