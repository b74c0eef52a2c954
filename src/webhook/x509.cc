#include "webhook/x509.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <array>
#include <ctime>

#include "base/strings.h"

namespace datashim::webhook {
namespace {

template <auto Free>
struct Deleter {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};
using BioPtr = std::unique_ptr<BIO, Deleter<BIO_free_all>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>>;
using CertificatePtr = std::unique_ptr<X509, Deleter<X509_free>>;
using ExtensionPtr =
    std::unique_ptr<X509_EXTENSION, Deleter<X509_EXTENSION_free>>;
using NamesPtr = std::unique_ptr<GENERAL_NAMES, Deleter<GENERAL_NAMES_free>>;

Error OpenSslError(std::string_view what) {
  std::array<char, 256> text{};
  ERR_error_string_n(ERR_get_error(), text.data(), text.size());
  ERR_clear_error();
  return {ErrorCode::kInternal, std::string(what) + ": " + text.data()};
}

BioPtr ReadableBio(const std::string& text) {
  return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

CertificatePtr ParseCertificate(const std::string& pem) {
  CertificatePtr certificate(
      PEM_read_bio_X509(ReadableBio(pem).get(), nullptr, nullptr, nullptr));
  ERR_clear_error();
  return certificate;
}

KeyPtr ParseKey(const SecretString& pem) {
  // An empty password, so that OpenSSL never asks for one on the terminal.
  std::string no_password;
  KeyPtr key(PEM_read_bio_PrivateKey(ReadableBio(pem.Reveal()).get(), nullptr,
                                     nullptr, no_password.data()));
  ERR_clear_error();
  return key;
}

std::string TextOf(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return std::string(data, static_cast<std::size_t>(size));
}

Status SetSerial(X509* certificate) {
  // 127 random bits: positive, and 20 bytes at most (RFC 5280, 4.1.2.2).
  std::array<unsigned char, 16> bytes{};
  if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) {
    return OpenSslError("random serial number");
  }
  bytes[0] &= 0x7f;
  const std::unique_ptr<BIGNUM, Deleter<BN_free>> number(
      BN_bin2bn(bytes.data(), static_cast<int>(bytes.size()), nullptr));
  if (number == nullptr ||
      BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) ==
          nullptr) {
    return OpenSslError("serial number");
  }
  return OkStatus();
}

Status SetName(X509_NAME* name, const std::string& common_name) {
  if (X509_NAME_add_entry_by_NID(
          name, NID_commonName, MBSTRING_UTF8,
          reinterpret_cast<const unsigned char*>(common_name.data()),
          static_cast<int>(common_name.size()), -1, 0) != 1) {
    return OpenSslError("name of the certificate");
  }
  return OkStatus();
}

Status AddExtension(X509* certificate, X509* issuer, int id,
                    const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const ExtensionPtr extension(
      X509V3_EXT_conf_nid(nullptr, &context, id, value.c_str()));
  if (extension == nullptr ||
      X509_add_ext(certificate, extension.get(), -1) != 1) {
    return OpenSslError("extension " + value);
  }
  return OkStatus();
}

Status AddExtensions(X509* certificate, X509* issuer,
                     const CertificateRequest& request) {
  std::vector<std::pair<int, std::string>> extensions;
  extensions.emplace_back(NID_subject_key_identifier, "hash");
  extensions.emplace_back(NID_authority_key_identifier, "keyid");
  if (request.is_authority) {
    extensions.emplace_back(NID_basic_constraints,
                            "critical,CA:TRUE,pathlen:0");
    extensions.emplace_back(NID_key_usage, "critical,keyCertSign");
  } else {
    extensions.emplace_back(NID_basic_constraints, "critical,CA:FALSE");
    extensions.emplace_back(NID_key_usage, "critical,digitalSignature");
    extensions.emplace_back(NID_ext_key_usage, "serverAuth");
    std::vector<std::string> names;
    for (const std::string& name : request.dns_names) {
      names.push_back("DNS:" + name);
    }
    extensions.emplace_back(NID_subject_alt_name, Join(names, ","));
  }
  for (const auto& [id, value] : extensions) {
    DS_RETURN_IF_ERROR(AddExtension(certificate, issuer, id, value));
  }
  return OkStatus();
}

Status Fill(X509* certificate, EVP_PKEY* key, X509* issuer,
            const CertificateRequest& request) {
  const std::time_t not_before =
      std::chrono::system_clock::to_time_t(request.not_before);
  const std::time_t not_after =
      std::chrono::system_clock::to_time_t(request.not_after);
  if (X509_set_version(certificate, X509_VERSION_3) != 1 ||
      ASN1_TIME_set(X509_getm_notBefore(certificate), not_before) == nullptr ||
      ASN1_TIME_set(X509_getm_notAfter(certificate), not_after) == nullptr ||
      X509_set_pubkey(certificate, key) != 1) {
    return OpenSslError("certificate");
  }
  DS_RETURN_IF_ERROR(SetSerial(certificate));
  DS_RETURN_IF_ERROR(
      SetName(X509_get_subject_name(certificate), request.common_name));
  if (X509_set_issuer_name(certificate, X509_get_subject_name(issuer)) != 1) {
    return OpenSslError("issuer of the certificate");
  }
  return AddExtensions(certificate, issuer, request);
}

Result<KeyPair> ToPem(X509* certificate, EVP_PKEY* key) {
  const BioPtr certificate_bio(BIO_new(BIO_s_mem()));
  // Secure memory is wiped when it is freed.
  const BioPtr key_bio(BIO_new(BIO_s_secmem()));
  if (PEM_write_bio_X509(certificate_bio.get(), certificate) != 1 ||
      PEM_write_bio_PKCS8PrivateKey(key_bio.get(), key, nullptr, nullptr, 0,
                                    nullptr, nullptr) != 1) {
    return OpenSslError("PEM");
  }
  return KeyPair{TextOf(certificate_bio.get()),
                 SecretString(TextOf(key_bio.get()))};
}

Result<WallTime> TimeOf(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) {
    return Error{ErrorCode::kInvalidArgument, "has a wrong date"};
  }
  return std::chrono::system_clock::from_time_t(timegm(&parts));
}

std::vector<std::string> DnsNamesOf(X509* certificate) {
  std::vector<std::string> names;
  const NamesPtr all(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  if (all == nullptr) return names;
  for (int i = 0; i < sk_GENERAL_NAME_num(all.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(all.get(), i);
    if (name->type != GEN_DNS) continue;
    const auto* bytes = ASN1_STRING_get0_data(name->d.dNSName);
    const auto size =
        static_cast<std::size_t>(ASN1_STRING_length(name->d.dNSName));
    names.emplace_back(reinterpret_cast<const char*>(bytes), size);
  }
  return names;
}

}  // namespace

Result<KeyPair> IssueCertificate(const CertificateRequest& request,
                                 const KeyPair* issuer) {
  const KeyPtr key(EVP_EC_gen("P-256"));
  const CertificatePtr certificate(X509_new());
  if (key == nullptr || certificate == nullptr) return OpenSslError("key");

  CertificatePtr issuer_certificate;
  KeyPtr issuer_key;
  if (issuer != nullptr) {
    issuer_certificate = ParseCertificate(issuer->certificate_pem);
    issuer_key = ParseKey(issuer->private_key_pem);
    if (issuer_certificate == nullptr || issuer_key == nullptr) {
      return Error{ErrorCode::kInternal, "the authority is no key pair"};
    }
  }
  X509* signer = issuer ? issuer_certificate.get() : certificate.get();
  DS_RETURN_IF_ERROR(Fill(certificate.get(), key.get(), signer, request));
  if (X509_sign(certificate.get(), issuer ? issuer_key.get() : key.get(),
                EVP_sha256()) == 0) {
    return OpenSslError("signature");
  }
  return ToPem(certificate.get(), key.get());
}

Result<CertificateFacts> ReadCertificate(const std::string& pem) {
  const CertificatePtr certificate = ParseCertificate(pem);
  if (certificate == nullptr) {
    return Error{ErrorCode::kInvalidArgument, "is no certificate in PEM"};
  }
  CertificateFacts facts;
  facts.dns_names = DnsNamesOf(certificate.get());
  DS_ASSIGN_OR_RETURN(facts.not_before,
                      TimeOf(X509_get0_notBefore(certificate.get())));
  DS_ASSIGN_OR_RETURN(facts.not_after,
                      TimeOf(X509_get0_notAfter(certificate.get())));
  return facts;
}

bool IsSignedBy(const std::string& pem, const std::string& issuer_pem) {
  const CertificatePtr certificate = ParseCertificate(pem);
  const CertificatePtr issuer = ParseCertificate(issuer_pem);
  const bool is_signed =
      certificate != nullptr && issuer != nullptr &&
      X509_verify(certificate.get(), X509_get0_pubkey(issuer.get())) == 1;
  ERR_clear_error();
  return is_signed;
}

bool IsKeyPair(const KeyPair& pair) {
  const CertificatePtr certificate = ParseCertificate(pair.certificate_pem);
  const KeyPtr key = ParseKey(pair.private_key_pem);
  const bool fits = certificate != nullptr && key != nullptr &&
                    X509_check_private_key(certificate.get(), key.get()) == 1;
  ERR_clear_error();
  return fits;
}

}  // namespace datashim::webhook
