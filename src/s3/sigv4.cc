#include "s3/sigv4.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <ctime>

#include "base/check.h"
#include "base/strings.h"

namespace datashim::s3 {
namespace {

// Regions of one client: that of the configuration and those of its buckets.
constexpr std::size_t kKeysMax = 16;
constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";
constexpr std::string_view kTerminator = "aws4_request";

std::string Sha256(std::string_view bytes) {
  std::string digest(SHA256_DIGEST_LENGTH, '\0');
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(),
         reinterpret_cast<unsigned char*>(digest.data()));
  return digest;
}

std::string Hmac(std::string_view key, std::string_view text) {
  std::string mac(SHA256_DIGEST_LENGTH, '\0');
  unsigned int size = 0;
  const auto* made =
      HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
           reinterpret_cast<const unsigned char*>(text.data()), text.size(),
           reinterpret_cast<unsigned char*>(mac.data()), &size);
  DS_CHECK(made != nullptr && size == mac.size());
  return mac;
}

// Trimmed, and runs of spaces made one.
std::string CanonicalValue(std::string_view value) {
  std::string text;
  for (const char c : TrimSpace(value)) {
    if (c != ' ' || text.back() != ' ') text += c;
  }
  return text;
}

Parameters CanonicalHeaders(const Parameters& headers) {
  Parameters sorted;
  for (const auto& [name, value] : headers) {
    sorted.emplace_back(ToLower(name), CanonicalValue(value));
  }
  std::ranges::sort(sorted);
  return sorted;
}

std::string SignedNames(const Parameters& canonical_headers) {
  std::string names;
  for (const auto& [name, value] : canonical_headers) {
    if (!names.empty()) names += ';';
    names += name;
  }
  return names;
}

std::string CanonicalRequest(const SigV4Request& request,
                             const Parameters& canonical_headers,
                             std::string_view signed_names) {
  std::string text;
  text.append(request.method).append("\n").append(request.path).append("\n");
  text.append(request.query).append("\n");
  for (const auto& [name, value] : canonical_headers) {
    text.append(name).append(":").append(value).append("\n");
  }
  text.append("\n").append(signed_names).append("\n");
  text.append(request.payload_hash);
  return text;
}

}  // namespace

std::string CanonicalQuery(const Parameters& parameters) {
  Parameters sorted;
  for (const auto& [name, value] : parameters) {
    sorted.emplace_back(UriEncode(name, false), UriEncode(value, false));
  }
  std::ranges::sort(sorted);
  std::string query;
  for (const auto& [name, value] : sorted) {
    if (!query.empty()) query += '&';
    query.append(name).append("=").append(value);
  }
  return query;
}

std::string Sha256Hex(std::string_view bytes) {
  return HexEncode(Sha256(bytes));
}

std::string AmzDate(WallTime time) {
  const std::time_t seconds = WallTime::clock::to_time_t(time);
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  std::array<char, 32> text{};
  const std::size_t size =
      std::strftime(text.data(), text.size(), "%Y%m%dT%H%M%SZ", &utc);
  return {text.data(), size};
}

std::string CanonicalRequest(const SigV4Request& request) {
  const Parameters headers = CanonicalHeaders(request.headers);
  return CanonicalRequest(request, headers, SignedNames(headers));
}

std::string SigV4Signer::Authorize(const SigV4Request& request,
                                   const Credentials& credentials,
                                   std::string_view region,
                                   std::string_view amz_date) {
  const Parameters headers = CanonicalHeaders(request.headers);
  const std::string names = SignedNames(headers);
  const std::string_view day = amz_date.substr(0, 8);
  std::string scope(day);
  scope.append("/").append(region).append("/").append(service_);
  scope.append("/").append(kTerminator);

  std::string to_sign(kAlgorithm);
  to_sign.append("\n").append(amz_date).append("\n").append(scope);
  to_sign.append("\n");
  to_sign.append(Sha256Hex(CanonicalRequest(request, headers, names)));

  const auto key = SigningKey(credentials.secret_access_key, region, day);
  std::string value(kAlgorithm);
  value.append(" Credential=").append(credentials.access_key_id.Reveal());
  value.append("/").append(scope).append(", SignedHeaders=").append(names);
  value.append(", Signature=").append(HexEncode(Hmac(key->Reveal(), to_sign)));
  return value;
}

std::shared_ptr<const SecretString> SigV4Signer::SigningKey(
    const SecretString& secret, std::string_view region, std::string_view day) {
  std::lock_guard lock(mutex_);
  const auto found = keys_.find(region);
  if (found != keys_.end() && found->second.day == day &&
      found->second.secret == secret) {
    return found->second.key;
  }
  const SecretString start("AWS4" + secret.Reveal());
  const SecretString by_day(Hmac(start.Reveal(), day));
  const SecretString by_region(Hmac(by_day.Reveal(), region));
  const SecretString by_service(Hmac(by_region.Reveal(), service_));
  auto key = std::make_shared<const SecretString>(
      Hmac(by_service.Reveal(), kTerminator));
  if (keys_.size() >= kKeysMax) keys_.clear();
  keys_.insert_or_assign(std::string(region),
                         CachedKey{secret, std::string(day), key});
  return key;
}

}  // namespace datashim::s3
