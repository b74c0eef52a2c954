#include "net/testing/certificates.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include "base/check.h"
#include "base/strings.h"
#include "net/openssl.h"

namespace datashim::net {
namespace {

using Bio = std::unique_ptr<BIO, OpenSslFree<BIO_free_all>>;
using X509Ptr = std::unique_ptr<X509, OpenSslFree<X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, OpenSslFree<EVP_PKEY_free>>;
using Extension =
    std::unique_ptr<X509_EXTENSION, OpenSslFree<X509_EXTENSION_free>>;

std::string Text(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_ctrl(bio, BIO_CTRL_INFO, 0, &data);
  return {data, static_cast<std::size_t>(size)};
}

void AddExtension(X509* certificate, X509* issuer, int nid,
                  const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const Extension extension(
      X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
  DS_CHECK(extension != nullptr);
  DS_CHECK(X509_add_ext(certificate, extension.get(), -1) == 1);
}

X509Ptr MakeCertificate(const std::string& common_name, EVP_PKEY* key,
                        long valid_seconds) {
  X509Ptr certificate(X509_new());
  X509_set_version(certificate.get(), X509_VERSION_3);
  long serial = 0;
  RAND_bytes(reinterpret_cast<unsigned char*>(&serial), 7);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), serial);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -7200);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), valid_seconds);
  X509_set_pubkey(certificate.get(), key);
  X509_NAME_add_entry_by_txt(
      X509_get_subject_name(certificate.get()), "CN", MBSTRING_UTF8,
      reinterpret_cast<const unsigned char*>(common_name.c_str()), -1, -1, 0);
  return certificate;
}

Key MakeKey() {
  return Key(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"));
}

}  // namespace

struct TestAuthority::Parts {
  Key key;
  X509Ptr certificate;
};

TestAuthority::TestAuthority(const std::string& name)
    : parts_(std::make_unique<Parts>()) {
  parts_->key = MakeKey();
  DS_CHECK(parts_->key != nullptr);
  parts_->certificate = MakeCertificate(name, parts_->key.get(), 3600);
  X509* const certificate = parts_->certificate.get();
  X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
  AddExtension(certificate, certificate, NID_basic_constraints,
               "critical,CA:TRUE");
  AddExtension(certificate, certificate, NID_key_usage,
               "critical,keyCertSign,cRLSign");
  DS_CHECK(X509_sign(certificate, parts_->key.get(), EVP_sha256()) > 0);
  const Bio bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(bio.get(), certificate);
  ca_pem_ = Text(bio.get());
}

TestAuthority::~TestAuthority() = default;

TestCertificate TestAuthority::Issue(const std::string& common_name,
                                     const std::vector<std::string>& names,
                                     long valid_seconds) const {
  const Key key = MakeKey();
  const X509Ptr made = MakeCertificate(common_name, key.get(), valid_seconds);
  X509* const issuer = parts_->certificate.get();
  X509_set_issuer_name(made.get(), X509_get_subject_name(issuer));
  AddExtension(made.get(), issuer, NID_basic_constraints, "critical,CA:FALSE");
  if (!names.empty()) {
    AddExtension(made.get(), issuer, NID_subject_alt_name, Join(names, ","));
  }
  DS_CHECK(X509_sign(made.get(), parts_->key.get(), EVP_sha256()) > 0);
  const Bio chain(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(chain.get(), made.get());
  const Bio key_bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_PrivateKey(key_bio.get(), key.get(), nullptr, nullptr, 0,
                           nullptr, nullptr);
  return {Text(chain.get()), SecretString(Text(key_bio.get()))};
}

}  // namespace datashim::net
