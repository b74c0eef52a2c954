#include "net/openssl.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

namespace datashim::net {
namespace {

using Bio = std::unique_ptr<BIO, OpenSslFree<BIO_free_all>>;
using X509Ptr = std::unique_ptr<X509, OpenSslFree<X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, OpenSslFree<EVP_PKEY_free>>;

Error Invalid(const std::string& what) {
  std::string message = what;
  if (const std::string why = TakeOpenSslError(); !why.empty()) {
    message += ": " + why;
  }
  return {ErrorCode::kInvalidArgument, std::move(message)};
}

Bio ReadOnly(std::string_view text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

// No prompt on a terminal for an encrypted key: it is refused.
int NoPassword(char*, int, int, void*) { return -1; }

X509Ptr NextCertificate(BIO* bio) {
  return X509Ptr(PEM_read_bio_X509(bio, nullptr, NoPassword, nullptr));
}

// The end of the text, and not a certificate that does not parse.
bool AtEnd() {
  return ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
}

}  // namespace

std::string TakeOpenSslError() {
  const unsigned long error = ERR_get_error();
  ERR_clear_error();
  if (error == 0) return {};
  const char* reason = ERR_reason_error_string(error);
  return reason != nullptr ? reason : "error " + std::to_string(error);
}

Status TrustPem(SSL_CTX* context, std::string_view pem) {
  ERR_clear_error();
  X509_STORE* store = SSL_CTX_get_cert_store(context);
  const Bio bio = ReadOnly(pem);
  int count = 0;
  while (const X509Ptr certificate = NextCertificate(bio.get())) {
    // The same certificate twice is fine, and OpenSSL 3 agrees.
    if (X509_STORE_add_cert(store, certificate.get()) != 1) {
      return Invalid("a certificate of the CA bundle is refused");
    }
    ++count;
  }
  if (!AtEnd()) return Invalid("a certificate of the CA bundle is no PEM");
  ERR_clear_error();
  if (count == 0) return Invalid("the CA bundle has no PEM certificate");
  return OkStatus();
}

Status UseCertificate(SSL_CTX* context, std::string_view chain_pem,
                      std::string_view key_pem) {
  ERR_clear_error();
  const Bio chain = ReadOnly(chain_pem);
  const X509Ptr leaf = NextCertificate(chain.get());
  if (!leaf || SSL_CTX_use_certificate(context, leaf.get()) != 1) {
    return Invalid("the certificate is no PEM");
  }
  SSL_CTX_clear_chain_certs(context);
  while (const X509Ptr issuer = NextCertificate(chain.get())) {
    if (SSL_CTX_add1_chain_cert(context, issuer.get()) != 1) {
      return Invalid("the certificate chain is refused");
    }
  }
  if (!AtEnd()) return Invalid("a certificate of the chain is no PEM");
  ERR_clear_error();
  const Bio key_bio = ReadOnly(key_pem);
  const Key key(
      PEM_read_bio_PrivateKey(key_bio.get(), nullptr, NoPassword, nullptr));
  if (!key) return Invalid("the private key is no unencrypted PEM");
  if (SSL_CTX_use_PrivateKey(context, key.get()) != 1 ||
      SSL_CTX_check_private_key(context) != 1) {
    return Invalid("the private key does not belong to the certificate");
  }
  return OkStatus();
}

}  // namespace datashim::net
