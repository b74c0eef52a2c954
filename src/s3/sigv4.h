// AWS Signature Version 4, header form. Signs; sends nothing.

#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "s3/credentials.h"

namespace datashim::s3 {

/// Payload hash of a body that is not hashed. S3 takes it for the header form;
/// the body is then only as safe as the connection.
inline constexpr std::string_view kUnsignedPayload = "UNSIGNED-PAYLOAD";

using Parameters = std::vector<std::pair<std::string, std::string>>;

/// Sorted and encoded as SigV4 wants it, which is also a valid query.
std::string CanonicalQuery(const Parameters& parameters);

/// Lower-case hex of SHA-256.
std::string Sha256Hex(std::string_view bytes);

/// "20130524T000000Z", the value of x-amz-date.
std::string AmzDate(WallTime time);

/// What of a request is signed.
struct SigV4Request {
  std::string_view method;
  std::string_view path;   ///< As it is sent; S3 does not normalise it.
  std::string_view query;  ///< From CanonicalQuery.
  /// Every field to sign, host and x-amz-date among them, in any order and
  /// case.
  Parameters headers;
  std::string_view payload_hash;  ///< Sha256Hex or kUnsignedPayload.
};

/// The text whose hash is signed. Pure; public for its test.
std::string CanonicalRequest(const SigV4Request& request);

/// Keeps the signing key of the day, because it costs more than a signature.
/// Thread-safe.
class SigV4Signer {
 public:
  /// `service`: "s3".
  explicit SigV4Signer(std::string service) : service_(std::move(service)) {}

  /// The value of the Authorization field.
  /// @param amz_date  as in the request's x-amz-date.
  std::string Authorize(const SigV4Request& request,
                        const Credentials& credentials, std::string_view region,
                        std::string_view amz_date);

 private:
  std::shared_ptr<const SecretString> SigningKey(const SecretString& secret,
                                                 std::string_view region,
                                                 std::string_view day);

  // Derived from one secret for one day and region.
  struct CachedKey {
    SecretString secret;
    std::string day;
    std::shared_ptr<const SecretString> key;
  };

  const std::string service_;
  std::mutex mutex_;
  std::map<std::string, CachedKey, std::less<>> keys_;  // By region.
};

}  // namespace datashim::s3
