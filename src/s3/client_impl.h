// S3Client::Impl: one operation as attempts of signed HTTP requests. Private
// to s3/.

#pragma once

#include <atomic>
#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "net/http_client.h"
#include "net/retry.h"
#include "s3/client.h"
#include "s3/endpoint.h"
#include "s3/error_map.h"
#include "s3/sigv4.h"

namespace datashim::s3 {

/// One operation. The views must outlive it.
struct Operation {
  std::string method = "GET";
  std::string bucket;
  std::string key;  ///< Whole, not encoded; empty: the bucket.
  Parameters query;
  Parameters headers;
  std::string_view body;
  /// Where the body of a success goes; else into Answer::body.
  std::optional<std::span<std::byte>> out;
  /// Bound of Answer::body.
  std::size_t body_bytes_max = 1u << 20;
  /// S3 may answer 200 and then put an <Error> into the body.
  bool error_in_success = false;
  /// A second run after a lost answer does no harm.
  bool idempotent = true;
};

/// A success.
struct Answer {
  net::HttpHeaders headers;
  std::string body;
  std::size_t out_bytes = 0;
};
/// What S3Client and S3ObjectStore share: signing, sending, retrying.
class S3Client::Impl {
 public:
  Impl(const S3Config& config, Endpoint endpoint,
       std::unique_ptr<net::HttpClient> http,
       std::shared_ptr<CredentialProvider> credentials, Clock& clock);

  /// Runs the operation until it succeeds, fails for good, or may not be tried
  /// again. Errors name object, bucket and endpoint.
  Result<Answer> Run(const Operation& operation, Deadline deadline);

  /// The region that requests to the bucket are signed for.
  std::string RegionOf(const std::string& bucket);
  /// The region that was configured or is in the endpoint; else empty.
  const std::string& configured_region() const { return configured_region_; }

  const std::string& endpoint_text() const { return endpoint_text_; }
  Clock& clock() { return clock_; }
  void RequestStop();

 private:
  struct Attempt;

  Attempt TryOnce(const Operation& operation, Deadline deadline);
  Attempt Send(const Operation& operation, const net::HttpCall& call);
  Attempt Judge(const Operation& operation, int status, bool anonymous,
                Answer answer);
  bool LearnRegion(const std::string& bucket, const std::string& used,
                   const Attempt& attempt);
  bool AdjustClock(const Attempt& attempt);
  bool RenewCredentials(const Attempt& attempt);
  void Authorize(const Operation& operation, const Credentials& credentials,
                 const std::string& region, net::HttpCall& call);
  void Sign(const Operation& operation, const Credentials& credentials,
            const std::string& region, const net::HttpCall& call,
            const std::string& query, Parameters& headers);
  WallTime ServerNow() const;

  const Endpoint endpoint_;
  const std::string endpoint_text_;
  const std::string configured_region_;
  const net::RetryPolicy retry_policy_;
  const Duration idle_timeout_;
  const std::unique_ptr<net::HttpClient> http_;
  const std::shared_ptr<CredentialProvider> credentials_;
  Clock& clock_;
  const net::RandomUnit random_ = net::SystemRandom();
  net::RetryBudget retry_budget_;
  SigV4Signer signer_{"s3"};
  std::stop_source stop_;
  /// Server's clock minus ours, learned from RequestTimeTooSkewed.
  std::atomic<std::chrono::seconds> clock_offset_{};
  std::mutex mutex_;
  std::map<std::string, std::string> regions_;  // By bucket; by mutex_.
};

}  // namespace datashim::s3
