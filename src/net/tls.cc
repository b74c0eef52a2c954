#include "net/tls.h"

#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <map>
#include <mutex>
#include <utility>

#include "net/openssl.h"

namespace datashim::net {
namespace {

// Sessions of more origins are not kept.
constexpr std::size_t kSessionsMax = 64;

int SocketOf(BIO* bio) {
  return static_cast<int>(reinterpret_cast<std::intptr_t>(BIO_get_data(bio)));
}

// OpenSSL's own socket BIO writes without MSG_NOSIGNAL, and a library must not
// change the signals of its process.
int BioWrite(BIO* bio, const char* data, std::size_t size,
             std::size_t* written) {
  BIO_clear_retry_flags(bio);
  const auto sent =
      ::send(SocketOf(bio), data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent < 0) {
    if (errno == EAGAIN || errno == EINTR) BIO_set_retry_write(bio);
    return 0;
  }
  *written = static_cast<std::size_t>(sent);
  return 1;
}

int BioRead(BIO* bio, char* out, std::size_t size, std::size_t* read) {
  BIO_clear_retry_flags(bio);
  const auto received = ::recv(SocketOf(bio), out, size, MSG_DONTWAIT);
  if (received <= 0) {
    if (received < 0 && (errno == EAGAIN || errno == EINTR)) {
      BIO_set_retry_read(bio);
    }
    return 0;
  }
  *read = static_cast<std::size_t>(received);
  return 1;
}

long BioControl(BIO*, int command, long, void*) {
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

const BIO_METHOD* SocketBio() {
  static const BIO_METHOD* const method = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK,
                                    "datashim socket");
    BIO_meth_set_write_ex(made, BioWrite);
    BIO_meth_set_read_ex(made, BioRead);
    BIO_meth_set_ctrl(made, BioControl);
    return made;
  }();
  return method;
}

bool IsAddress(const std::string& host) {
  std::array<unsigned char, sizeof(in6_addr)> address{};
  return ::inet_pton(AF_INET, host.c_str(), address.data()) == 1 ||
         ::inet_pton(AF_INET6, host.c_str(), address.data()) == 1;
}

class TlsTransport final : public Transport {
 public:
  TlsTransport(FileDescriptor socket, Ssl ssl)
      : socket_(std::move(socket)), ssl_(std::move(ssl)) {
    BIO* bio = BIO_new(SocketBio());
    BIO_set_data(bio, reinterpret_cast<void*>(
                          static_cast<std::intptr_t>(socket_.get())));
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl_.get(), bio, bio);
  }
  ~TlsTransport() override {
    // One try to say goodbye; no wait for the answer.
    if (!broken_) SSL_shutdown(ssl_.get());
    ERR_clear_error();
  }

  Status Handshake(const WaitLimits& limits) {
    while (true) {
      ERR_clear_error();
      const int result = SSL_connect(ssl_.get());
      if (result == 1) return OkStatus();
      auto waited = WaitForSsl(result, limits);
      if (!waited.ok()) return HandshakeError(std::move(waited).error());
    }
  }

  Result<std::size_t> Read(std::span<char> out, const WaitLimits& limits,
                           bool /*expect_wait*/) override {
    while (true) {
      ERR_clear_error();
      std::size_t received = 0;
      const int result =
          SSL_read_ex(ssl_.get(), out.data(), out.size(), &received);
      if (result == 1) return received;
      if (SSL_get_error(ssl_.get(), result) == SSL_ERROR_ZERO_RETURN) {
        return std::size_t{0};
      }
      DS_RETURN_IF_ERROR(WaitForSsl(result, limits));
    }
  }

  Result<std::size_t> Write(std::string_view bytes, bool /*more_follows*/,
                            const WaitLimits& limits) override {
    while (true) {
      ERR_clear_error();
      std::size_t sent = 0;
      const int result =
          SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &sent);
      if (result == 1) return sent;
      const int error = SSL_get_error(ssl_.get(), result);
      if (error == SSL_ERROR_WANT_WRITE) {
        DS_ASSIGN_OR_RETURN(const short ready,
                            WaitReady(socket_.get(), POLLOUT | POLLIN, limits));
        if ((ready & POLLOUT) == 0 && HasInput()) return std::size_t{0};
        continue;
      }
      if (error == SSL_ERROR_SYSCALL) return std::size_t{0};
      DS_RETURN_IF_ERROR(WaitForSsl(result, limits));
    }
  }

  bool HasInput() override {
    ERR_clear_error();
    char byte = 0;
    std::size_t received = 0;
    // Session tickets that came since the last read are taken here.
    const int result = SSL_peek_ex(ssl_.get(), &byte, 1, &received);
    return result == 1 ||
           SSL_get_error(ssl_.get(), result) != SSL_ERROR_WANT_READ;
  }

  void ExpectBytes(std::size_t) override {}  // Records are 16 KiB anyway.

 private:
  Status WaitForSsl(int result, const WaitLimits& limits) {
    const int error = SSL_get_error(ssl_.get(), result);
    const bool read = error == SSL_ERROR_WANT_READ;
    if (!read && error != SSL_ERROR_WANT_WRITE) {
      broken_ = true;
      const std::string why = TakeOpenSslError();
      return Error{ErrorCode::kUnavailable,
                   "TLS: " + (why.empty() ? "the connection was closed" : why)};
    }
    auto ready = WaitReady(socket_.get(), read ? POLLIN : POLLOUT, limits);
    return ready.ok() ? OkStatus() : Status(std::move(ready).error());
  }

  Error HandshakeError(Error error) const {
    const long verified = SSL_get_verify_result(ssl_.get());
    if (error.code == ErrorCode::kUnavailable && verified != X509_V_OK) {
      error.message = std::string("TLS: the certificate is not trusted: ") +
                      X509_verify_cert_error_string(verified);
    }
    return error;
  }

  FileDescriptor socket_;
  Ssl ssl_;
  bool broken_ = false;
};

}  // namespace

class TlsClient::Impl {
 public:
  explicit Impl(const TlsOptions& options)
      : server_name_(options.server_name),
        verify_(!options.insecure_skip_verify) {}

  Status Init(const TlsOptions& options) {
    context_.reset(SSL_CTX_new(TLS_client_method()));
    DS_CHECK(context_ != nullptr);
    SSL_CTX* context = context_.get();
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE |
                                  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                  SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(
        context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context, OnNewSession);
    SSL_CTX_set_verify(context, verify_ ? SSL_VERIFY_PEER : SSL_VERIFY_NONE,
                       nullptr);
    if (!options.ca_bundle_pem.empty()) {
      DS_RETURN_IF_ERROR(TrustPem(context, options.ca_bundle_pem));
      system_trust_ = false;
    }
    if (!options.client_certificate_pem.empty()) {
      auto used = UseCertificate(context, options.client_certificate_pem,
                                 options.client_key_pem.Reveal());
      if (!used.ok()) return used.error().Wrap("client certificate");
    }
    return OkStatus();
  }

  Result<std::unique_ptr<Transport>> Handshake(FileDescriptor socket,
                                               const Origin& origin,
                                               const WaitLimits& limits) {
    if (verify_ && system_trust_) LoadSystemTrust();
    Ssl ssl(SSL_new(context_.get()));
    DS_CHECK(ssl != nullptr);
    // Where OnNewSession files the session.
    Slot* slot = SlotOf(origin);
    SSL_set_app_data(ssl.get(), slot);
    SetName(ssl.get(), server_name_.empty() ? origin.host : server_name_);
    if (slot != nullptr) {
      std::lock_guard lock(slot->mutex);
      if (slot->session) SSL_set_session(ssl.get(), slot->session.get());
    }
    auto transport =
        std::make_unique<TlsTransport>(std::move(socket), std::move(ssl));
    DS_RETURN_IF_ERROR(transport->Handshake(limits));
    return std::unique_ptr<Transport>(std::move(transport));
  }

 private:
  struct Slot {
    std::mutex mutex;
    SslSession session;  // Guarded by mutex.
  };

  // OpenSSL gives us a reference to keep if we return 1.
  static int OnNewSession(SSL* ssl, SSL_SESSION* session) {
    auto* slot = static_cast<Slot*>(SSL_get_app_data(ssl));
    if (slot == nullptr) return 0;
    std::lock_guard lock(slot->mutex);
    slot->session.reset(session);
    return 1;
  }

  // Slots live as long as this, since connections point to them. Null for
  // origins beyond the limit: theirs are not resumed. Never another origin's,
  // because a resumed session is not verified again.
  Slot* SlotOf(const Origin& origin) {
    std::lock_guard lock(mutex_);
    const auto found = slots_.find(origin);
    if (found != slots_.end()) return &found->second;
    if (slots_.size() >= kSessionsMax) return nullptr;
    return &slots_[origin];
  }

  // About 140 certificates: parsed at the first handshake, not in Make.
  void LoadSystemTrust() {
    std::call_once(system_trust_once_, [this] {
      SSL_CTX_set_default_verify_paths(context_.get());
      ERR_clear_error();
    });
  }

  void SetName(SSL* ssl, const std::string& name) {
    if (!IsAddress(name)) {
      // The macro SSL_set_tlsext_host_name without its C cast.
      SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
               const_cast<char*>(name.c_str()));
      if (verify_) SSL_set1_host(ssl, name.c_str());
    } else if (verify_) {
      X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name.c_str());
    }
  }

  const std::string server_name_;
  const bool verify_;
  bool system_trust_ = true;
  std::once_flag system_trust_once_;
  SslContext context_;
  std::mutex mutex_;
  std::map<Origin, Slot> slots_;  // Guarded by mutex_.
};

TlsClient::TlsClient(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TlsClient::~TlsClient() = default;

Result<std::unique_ptr<TlsClient>> TlsClient::Make(const TlsOptions& options) {
  auto impl = std::make_unique<Impl>(options);
  if (auto status = impl->Init(options); !status.ok()) {
    return status.error().Wrap("TLS");
  }
  return std::unique_ptr<TlsClient>(new TlsClient(std::move(impl)));
}

Result<std::unique_ptr<Transport>> TlsClient::Handshake(
    FileDescriptor socket, const Origin& origin, const WaitLimits& limits) {
  return impl_->Handshake(std::move(socket), origin, limits);
}

}  // namespace datashim::net
