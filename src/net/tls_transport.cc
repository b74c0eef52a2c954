#include "net/tls_transport.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

namespace datashim::net {
namespace {

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

class TlsTransport final : public Transport {
 public:
  TlsTransport(FileDescriptor socket, Ssl ssl, Side side)
      : socket_(std::move(socket)), ssl_(std::move(ssl)), side_(side) {
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
      const int result = side_ == Side::kClient ? SSL_connect(ssl_.get())
                                                : SSL_accept(ssl_.get());
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
        const short events =
            side_ == Side::kClient ? POLLOUT | POLLIN : POLLOUT;
        DS_ASSIGN_OR_RETURN(const short ready,
                            WaitReady(socket_.get(), events, limits));
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

  void FinishWriting() override {
    SSL_shutdown(ssl_.get());
    broken_ = true;
    ::shutdown(socket_.get(), SHUT_WR);
  }

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
  const Side side_;
  bool broken_ = false;
};

}  // namespace

Result<std::unique_ptr<Transport>> ShakeHands(FileDescriptor socket, Ssl ssl,
                                              Side side,
                                              const WaitLimits& limits) {
  auto transport =
      std::make_unique<TlsTransport>(std::move(socket), std::move(ssl), side);
  DS_RETURN_IF_ERROR(transport->Handshake(limits));
  return std::unique_ptr<Transport>(std::move(transport));
}

}  // namespace datashim::net
