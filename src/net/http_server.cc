#include "net/http_server.h"

#include <algorithm>
#include <atomic>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <set>
#include <tuple>
#include <type_traits>
#include <utility>

#include "base/thread_pool.h"
#include "net/openssl.h"

namespace datashim::net {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;
using beast::error_code;

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
// After a refusal: what the client still sends is read for this long, so that
// it sees the answer and no reset.
constexpr auto kLingerTimeout = std::chrono::seconds(1);
constexpr std::size_t kReadBytes = 16u << 10;
constexpr auto kAcceptPause = std::chrono::milliseconds(100);

using Strand = asio::strand<asio::io_context::executor_type>;
using Timeout = std::chrono::steady_clock::duration;
using TlsStream = asio::ssl::stream<beast::tcp_stream>;

/// What Stop needs of a connection. Used on its strand only.
struct Session {
  explicit Session(Strand on) : strand(std::move(on)) {}
  Strand strand;
  bool idle = true;
  std::function<void()> close;
};

std::string_view View(beast::string_view text) {
  return {text.data(), text.size()};
}

HttpRequest Convert(http::request<http::string_body>&& message) {
  HttpRequest request;
  request.method = View(message.method_string());
  const std::string_view target = View(message.target());
  const std::size_t mark = std::min(target.find('?'), target.size());
  request.path = target.substr(0, mark);
  if (mark < target.size()) request.query = target.substr(mark + 1);
  for (const auto& field : message) {
    request.headers.Add(std::string(View(field.name_string())),
                        std::string(View(field.value())));
  }
  request.body = std::move(message.body());
  return request;
}

http::response<http::string_body> Convert(HttpResponse&& answer, bool to_head,
                                          bool keep_alive) {
  http::response<http::string_body> message;
  message.version(11);
  message.result(static_cast<unsigned>(answer.status));
  for (const auto& [name, value] : answer.headers) message.insert(name, value);
  message.content_length(answer.body.size());
  message.keep_alive(keep_alive);
  if (!to_head) message.body() = std::move(answer.body);
  return message;
}

HttpResponse Refusal(int status, std::string text) {
  return {status, {{"Content-Type", "text/plain"}}, std::move(text) + "\n"};
}

// What to say to bytes that are no request of ours; nullopt: nothing, the
// connection is gone or silent.
std::optional<HttpResponse> RefusalFor(const error_code& error) {
  if (error == http::error::body_limit) {
    return Refusal(413, "the body is too large");
  }
  if (error == http::error::header_limit) {
    return Refusal(431, "the header is too large");
  }
  if (error.category() == error_code(http::error::bad_value).category() &&
      error != http::error::end_of_stream &&
      error != http::error::partial_message) {
    return Refusal(400, "this is no HTTP request");
  }
  return std::nullopt;
}

/// One connection. `Stream` is beast::tcp_stream or TLS over it.
template <typename Stream>
class Connection {
 public:
  Connection(Stream stream, const HttpServerOptions& options,
             const HttpHandler& handler, Session& session,
             const std::atomic<bool>& stopping)
      : stream_(std::move(stream)),
        options_(options),
        handler_(handler),
        session_(session),
        stopping_(stopping) {}

  asio::awaitable<void> Serve() {
    session_.close = [this] { Socket().close(); };
    if (!co_await Handshake()) co_return;
    bool first = true;
    while (co_await AwaitRequest(first)) {
      first = false;
      if (!co_await ServeOne()) break;
      session_.idle = true;
    }
  }

 private:
  beast::tcp_stream& Socket() { return beast::get_lowest_layer(stream_); }
  void ExpireAfter(Duration duration) {
    Socket().expires_after(std::chrono::duration_cast<Timeout>(duration));
  }

  asio::awaitable<bool> Handshake() {
    if constexpr (!std::is_same_v<Stream, beast::tcp_stream>) {
      ExpireAfter(options_.request_timeout);
      auto [error] = co_await stream_.async_handshake(
          asio::ssl::stream_base::server, kAwait);
      if (error) co_return false;
    }
    co_return true;
  }

  // The first byte of a request. A new connection has no right to idle.
  asio::awaitable<bool> AwaitRequest(bool first) {
    if (stopping_) co_return false;
    if (buffer_.size() == 0) {
      ExpireAfter(first ? options_.request_timeout : options_.idle_timeout);
      auto [error, size] =
          co_await stream_.async_read_some(buffer_.prepare(kReadBytes), kAwait);
      if (error) co_return false;
      buffer_.commit(size);
    }
    session_.idle = false;
    ExpireAfter(options_.request_timeout);
    co_return true;
  }

  // @return whether the connection goes on.
  asio::awaitable<bool> ServeOne() {
    http::request_parser<http::string_body> parser;
    parser.header_limit(static_cast<std::uint32_t>(options_.header_bytes_max));
    parser.body_limit(options_.body_bytes_max);
    auto [error, size] =
        co_await http::async_read_header(stream_, buffer_, parser, kAwait);
    if (!error && !parser.is_done()) {
      if (beast::iequals(parser.get()[http::field::expect], "100-continue")) {
        http::response<http::empty_body> go_on(http::status::continue_, 11);
        auto [write_error, written] =
            co_await http::async_write(stream_, go_on, kAwait);
        if (write_error) co_return false;
      }
      std::tie(error, size) =
          co_await http::async_read(stream_, buffer_, parser, kAwait);
    }
    if (error) {
      if (auto refusal = RefusalFor(error)) {
        co_await Write(std::move(*refusal), false, false);
        co_await Linger();
      }
      co_return false;
    }
    const bool keep_alive = parser.get().keep_alive();
    const bool to_head = parser.get().method() == http::verb::head;
    HttpResponse answer = handler_(Convert(parser.release()));
    ExpireAfter(options_.request_timeout);
    co_return co_await Write(std::move(answer), to_head,
                             keep_alive && !stopping_);
  }

  asio::awaitable<bool> Write(HttpResponse answer, bool to_head,
                              bool keep_alive) {
    auto message = Convert(std::move(answer), to_head, keep_alive);
    http::response_serializer<http::string_body> serializer(message);
    error_code error;
    std::size_t size = 0;
    if (to_head) {
      std::tie(error, size) =
          co_await http::async_write_header(stream_, serializer, kAwait);
    } else {
      std::tie(error, size) =
          co_await http::async_write(stream_, serializer, kAwait);
    }
    co_return !error && keep_alive;
  }

  asio::awaitable<void> Linger() {
    error_code error;
    Socket().socket().shutdown(tcp::socket::shutdown_send, error);
    ExpireAfter(kLingerTimeout);
    buffer_.clear();
    while (!error) {
      std::size_t size = 0;
      std::tie(error, size) = co_await Socket().async_read_some(
          buffer_.prepare(kReadBytes), kAwait);
    }
  }

  Stream stream_;
  const HttpServerOptions& options_;
  const HttpHandler& handler_;
  Session& session_;
  const std::atomic<bool>& stopping_;
  beast::flat_buffer buffer_;
};

Result<std::shared_ptr<asio::ssl::context>> MakeTls(
    const ServerCertificate& certificate) {
  auto context =
      std::make_shared<asio::ssl::context>(asio::ssl::context::tls_server);
  SSL_CTX_set_min_proto_version(context->native_handle(), TLS1_2_VERSION);
  if (!certificate.chain_pem.empty()) {
    auto used = UseCertificate(context->native_handle(), certificate.chain_pem,
                               certificate.key_pem.Reveal());
    if (!used.ok()) return used.error().Wrap("server certificate");
  }
  return context;
}

}  // namespace

class HttpServer::Impl {
 public:
  Impl(HttpServerOptions options, HttpHandler handler)
      : options_(std::move(options)),
        handler_(std::move(handler)),
        acceptor_(asio::make_strand(io_)),
        room_(acceptor_.get_executor()),
        threads_("http", options_.threads, options_.threads) {}
  ~Impl() { Stop(Duration::zero()); }

  Status Listen() {
    const auto failed = [&](ErrorCode code, const std::string& why) {
      return Error{code, "listen on " + options_.address + " port " +
                             std::to_string(options_.port) + ": " + why};
    };
    error_code error;
    const auto address = asio::ip::make_address(options_.address, error);
    if (error) return failed(ErrorCode::kInvalidArgument, error.message());
    const tcp::endpoint endpoint(address, options_.port);
    acceptor_.open(endpoint.protocol(), error);
    if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error && address.is_v6()) {
      acceptor_.set_option(asio::ip::v6_only(false), error);
    }
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) {
      acceptor_.listen(asio::socket_base::max_listen_connections, error);
    }
    if (error) return failed(ErrorCode::kUnavailable, error.message());
    port_ = acceptor_.local_endpoint(error).port();
    return OkStatus();
  }

  void Run() {
    asio::co_spawn(acceptor_.get_executor(), AcceptLoop(), asio::detached);
    for (std::size_t i = 0; i < options_.threads; ++i) {
      threads_.Submit([this] { io_.run(); });
    }
  }

  Status SetCertificate(const ServerCertificate& certificate) {
    DS_ASSIGN_OR_RETURN(auto tls, MakeTls(certificate));
    std::lock_guard lock(mutex_);
    tls_ = std::move(tls);
    return OkStatus();
  }

  void Stop(Duration drain) {
    std::unique_lock lock(mutex_);
    if (!stopping_.exchange(true)) {
      asio::post(acceptor_.get_executor(), [this] {
        error_code ignored;
        acceptor_.close(ignored);
        room_.cancel();
      });
      for (const auto& session : sessions_) {
        asio::post(session->strand, [session] {
          if (session->idle && session->close) session->close();
        });
      }
    }
    ended_.wait_for(lock, drain, [&] { return sessions_.empty(); });
    lock.unlock();
    io_.stop();
    threads_.Stop();
  }

  std::uint16_t port() const { return port_; }

 private:
  // On the acceptor's strand.
  asio::awaitable<void> AcceptLoop() {
    while (!stopping_) {
      if (SessionCount() >= options_.connections_max) {
        room_.expires_at(asio::steady_timer::time_point::max());
        co_await room_.async_wait(kAwait);
        continue;
      }
      Strand strand = asio::make_strand(io_);
      auto [error, socket] = co_await acceptor_.async_accept(strand, kAwait);
      if (!error) {
        Begin(std::move(strand), std::move(socket));
      } else if (!stopping_) {
        // Mostly a lack of descriptors, which is true the next time, too.
        room_.expires_after(kAcceptPause);
        co_await room_.async_wait(kAwait);
      }
    }
  }

  std::size_t SessionCount() {
    std::lock_guard lock(mutex_);
    return sessions_.size();
  }

  void Begin(Strand strand, tcp::socket socket) {
    auto session = std::make_shared<Session>(strand);
    std::shared_ptr<asio::ssl::context> tls;
    {
      std::lock_guard lock(mutex_);
      if (stopping_) return;
      sessions_.insert(session);
      tls = tls_;
    }
    error_code ignored;
    socket.set_option(tcp::no_delay(true), ignored);
    asio::co_spawn(strand,
                   Serve(std::move(session), std::move(tls), std::move(socket)),
                   asio::detached);
  }

  asio::awaitable<void> Serve(std::shared_ptr<Session> session,
                              std::shared_ptr<asio::ssl::context> tls,
                              tcp::socket socket) {
    beast::tcp_stream plain(std::move(socket));
    if (options_.tls) {
      Connection connection(TlsStream(std::move(plain), *tls), options_,
                            handler_, *session, stopping_);
      co_await connection.Serve();
    } else {
      Connection connection(std::move(plain), options_, handler_, *session,
                            stopping_);
      co_await connection.Serve();
    }
    session->close = nullptr;
    std::lock_guard lock(mutex_);
    sessions_.erase(session);
    ended_.notify_all();
    asio::post(acceptor_.get_executor(), [this] { room_.cancel(); });
  }

  const HttpServerOptions options_;
  const HttpHandler handler_;
  std::uint16_t port_ = 0;
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;
  std::condition_variable ended_;  // A session has.
  // Guarded by mutex_.
  std::set<std::shared_ptr<Session>> sessions_;
  std::shared_ptr<asio::ssl::context> tls_;
  asio::io_context io_;
  tcp::acceptor acceptor_;
  asio::steady_timer room_;  // Cancelled when a session has ended.
  ThreadPool threads_;
};

HttpServer::HttpServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpServer::~HttpServer() = default;

Result<std::unique_ptr<HttpServer>> HttpServer::Start(HttpServerOptions options,
                                                      HttpHandler handler) {
  DS_CHECK(options.threads > 0 && options.connections_max > 0);
  const ServerCertificate certificate = options.certificate;
  auto impl = std::make_unique<Impl>(std::move(options), std::move(handler));
  DS_RETURN_IF_ERROR(impl->SetCertificate(certificate));
  DS_RETURN_IF_ERROR(impl->Listen());
  impl->Run();
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
}

std::uint16_t HttpServer::port() const { return impl_->port(); }

Status HttpServer::SetCertificate(const ServerCertificate& certificate) {
  return impl_->SetCertificate(certificate);
}

void HttpServer::Stop(Duration drain) { impl_->Stop(drain); }

}  // namespace datashim::net
