#include "net/tls.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <array>
#include <map>
#include <mutex>
#include <utility>

#include "net/openssl.h"
#include "net/tls_transport.h"

namespace datashim::net {
namespace {

// Sessions of more origins are not kept.
constexpr std::size_t kSessionsMax = 64;
// What Transport::Write promises, and no buffers for idle connections.
constexpr auto kModes = SSL_MODE_ENABLE_PARTIAL_WRITE |
                        SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                        SSL_MODE_RELEASE_BUFFERS;

bool IsAddress(const std::string& host) {
  std::array<unsigned char, sizeof(in6_addr)> address{};
  return ::inet_pton(AF_INET, host.c_str(), address.data()) == 1 ||
         ::inet_pton(AF_INET6, host.c_str(), address.data()) == 1;
}

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
    SSL_CTX_set_mode(context, kModes);
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
    return ShakeHands(std::move(socket), std::move(ssl), Side::kClient, limits);
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

class TlsServer::Impl {
 public:
  SslContext context;
};

TlsServer::TlsServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TlsServer::~TlsServer() = default;

Result<std::unique_ptr<TlsServer>> TlsServer::Make(
    const ServerCertificate& certificate) {
  auto impl = std::make_unique<Impl>();
  impl->context.reset(SSL_CTX_new(TLS_server_method()));
  SSL_CTX* const context = impl->context.get();
  DS_CHECK(context != nullptr);
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_mode(context, kModes);
  if (!certificate.chain_pem.empty()) {
    auto used = UseCertificate(context, certificate.chain_pem,
                               certificate.key_pem.Reveal());
    if (!used.ok()) return used.error().Wrap("server certificate");
  }
  return std::unique_ptr<TlsServer>(new TlsServer(std::move(impl)));
}

Result<std::unique_ptr<Transport>> TlsServer::Handshake(
    FileDescriptor socket, const WaitLimits& limits) const {
  Ssl ssl(SSL_new(impl_->context.get()));
  DS_CHECK(ssl != nullptr);
  return ShakeHands(std::move(socket), std::move(ssl), Side::kServer, limits);
}

}  // namespace datashim::net
