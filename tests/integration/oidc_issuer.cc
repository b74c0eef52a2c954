#include "oidc_issuer.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include <utility>

#include "base/check.h"
#include "base/strings.h"

namespace datashim::integration {
namespace {

constexpr char kKeyId[] = "the-key";

std::string Base64Url(std::string_view bytes) {
  std::string text = Base64Encode(bytes);
  while (text.ends_with('=')) text.pop_back();
  for (char& c : text) {
    if (c == '+') c = '-';
    if (c == '/') c = '_';
  }
  return text;
}

}  // namespace

// RSA, because every OpenID client knows RS256.
struct OidcIssuer::Key {
  Key() : pair(EVP_RSA_gen(2048)) { DS_CHECK(pair != nullptr); }
  ~Key() { EVP_PKEY_free(pair); }

  std::string Part(const char* name) const {
    BIGNUM* number = nullptr;
    DS_CHECK(EVP_PKEY_get_bn_param(pair, name, &number) == 1);
    std::string bytes(static_cast<std::size_t>(BN_num_bytes(number)), '\0');
    BN_bn2bin(number, reinterpret_cast<unsigned char*>(bytes.data()));
    BN_free(number);
    return Base64Url(bytes);
  }

  std::string Sign(const std::string& text) const {
    EVP_MD_CTX* const context = EVP_MD_CTX_new();
    std::size_t size = 0;
    const auto* const data =
        reinterpret_cast<const unsigned char*>(text.data());
    DS_CHECK(
        EVP_DigestSignInit(context, nullptr, EVP_sha256(), nullptr, pair) == 1);
    DS_CHECK(EVP_DigestSign(context, nullptr, &size, data, text.size()) == 1);
    std::string signature(size, '\0');
    DS_CHECK(EVP_DigestSign(context,
                            reinterpret_cast<unsigned char*>(signature.data()),
                            &size, data, text.size()) == 1);
    EVP_MD_CTX_free(context);
    return signature;
  }

  EVP_PKEY* const pair;
};

OidcIssuer::OidcIssuer() : key_(std::make_unique<Key>()) {
  auto server = net::HttpServer::Start(
      {}, [this](const net::HttpRequest& request) { return Answer(request); });
  DS_CHECK(server.ok());
  server_ = std::move(server).value();
  url_ = "http://127.0.0.1:" + std::to_string(server_->port());
}

OidcIssuer::~OidcIssuer() = default;

std::string OidcIssuer::discovery_url() const {
  return url_ + "/.well-known/openid-configuration";
}

net::HttpResponse OidcIssuer::Answer(const net::HttpRequest& request) const {
  net::HttpResponse response{.status = 200,
                             .headers = {{"Content-Type", "application/json"}},
                             .body = ""};
  if (request.path == "/.well-known/openid-configuration") {
    response.body = R"({"issuer":")" + url_ + R"(","jwks_uri":")" + url_ +
                    R"(/jwks","response_types_supported":["id_token"],)"
                    R"("subject_types_supported":["public"],)"
                    R"("id_token_signing_alg_values_supported":["RS256"]})";
  } else if (request.path == "/jwks") {
    response.body =
        R"({"keys":[{"kty":"RSA","use":"sig","alg":"RS256","kid":")" +
        std::string(kKeyId) + R"(","n":")" + key_->Part(OSSL_PKEY_PARAM_RSA_N) +
        R"(","e":")" + key_->Part(OSSL_PKEY_PARAM_RSA_E) + R"("}]})";
  } else {
    response.status = 404;
  }
  return response;
}

SecretString OidcIssuer::Token(const Claims& claims) const {
  const auto now = std::chrono::duration_cast<std::chrono::seconds>(
      SystemClock().WallNow().time_since_epoch());
  const auto issued = now - std::chrono::hours(1);
  const std::string header =
      R"({"alg":"RS256","typ":"JWT","kid":")" + std::string(kKeyId) + R"("})";
  const std::string body =
      R"({"iss":")" + url_ + R"(","aud":[")" + claims.audience +
      R"("],"sub":")" + claims.subject + R"(","policy":")" + claims.policy +
      R"(","iat":)" + std::to_string(issued.count()) + R"(,"exp":)" +
      std::to_string((now + claims.lifetime).count()) + "}";
  const std::string text = Base64Url(header) + "." + Base64Url(body);
  return SecretString(text + "." + Base64Url(key_->Sign(text)));
}

}  // namespace datashim::integration
