#include "s3/client_impl.h"

#include <algorithm>
#include <utility>

#include "base/strings.h"
#include "s3/http_date.h"
#include "s3/xml.h"

namespace datashim::s3 {
namespace {

// Over plain http a body of this size is hashed, so that it is signed as well:
// 0.6 ms. Larger ones are not, at 0.6 s/GB; neither are those over TLS, which
// protects them. S3 and MinIO take both.
constexpr std::size_t kHashedBodyBytesMax = 1u << 20;
// S3 refuses a difference of more than 15 minutes.
constexpr auto kSkewMin = std::chrono::minutes(5);
constexpr std::size_t kRegionsMax = 256;
constexpr auto kRetryAfterMax = std::chrono::seconds(60);
constexpr char kUserAgent[] = "datashim/" DATASHIM_VERSION;
constexpr char kDefaultRegion[] = "us-east-1";

std::string Describe(const Operation& operation, const std::string& endpoint) {
  std::string text = "bucket \"" + operation.bucket + "\" at " + endpoint;
  if (operation.key.empty()) return text;
  return "object " + JsonQuote(operation.key) + " in " + text;
}

std::optional<Duration> RetryAfter(const net::HttpHeaders& headers) {
  const auto seconds =
      ParseInt(headers.Get("Retry-After"), 0, kRetryAfterMax.count());
  if (!seconds) return std::nullopt;
  return std::chrono::seconds(*seconds);
}

}  // namespace

// What came of one attempt: an answer, or a failure and what was learned.
struct S3Client::Impl::Attempt {
  std::optional<Answer> answer;
  Failure failure;
  net::HttpHeaders headers;  // Of the failed answer.
  std::string region;        // That the server named.
  std::string used_region;
  std::shared_ptr<const Credentials>
      used_credentials;  // Null: there were none.
};

S3Client::Impl::Impl(const S3Config& config, Endpoint endpoint,
                     std::unique_ptr<net::HttpClient> http,
                     std::shared_ptr<CredentialProvider> credentials,
                     Clock& clock)
    : endpoint_(std::move(endpoint)),
      endpoint_text_(endpoint_.ToString()),
      configured_region_(config.region.empty() ? endpoint_.region
                                               : config.region),
      retry_policy_{.attempts_max = config.attempts_max},
      idle_timeout_(config.idle_timeout),
      http_(std::move(http)),
      credentials_(std::move(credentials)),
      clock_(clock) {}

Result<Answer> S3Client::Impl::Run(const Operation& operation,
                                   Deadline deadline) {
  net::RetrySchedule schedule(retry_policy_, retry_budget_, deadline, clock_,
                              random_);
  const auto describe = [&](Error error) {
    if (schedule.attempts() > 1) {
      error.message +=
          " (after " + std::to_string(schedule.attempts()) + " attempts)";
    }
    return error.Wrap(Describe(operation, endpoint_text_));
  };
  bool region_changed = false;
  bool clock_adjusted = false;
  bool credentials_renewed = false;
  while (true) {
    Attempt attempt = TryOnce(operation, deadline);
    if (attempt.answer) {
      retry_budget_.OnSuccess();
      return *std::move(attempt.answer);
    }
    // What the server taught is used at once, and once.
    if (!region_changed && attempt.failure.wrong_region &&
        LearnRegion(operation.bucket, attempt.used_region, attempt)) {
      region_changed = true;
      continue;
    }
    if (!clock_adjusted && AdjustClock(attempt)) {
      clock_adjusted = true;
      continue;
    }
    if (!credentials_renewed && RenewCredentials(attempt)) {
      credentials_renewed = true;
      continue;
    }
    if (!attempt.failure.retry) return describe(attempt.failure.error);
    const auto delay = schedule.Next(RetryAfter(attempt.headers));
    if (!delay) return describe(attempt.failure.error);
    if (!clock_.SleepFor(*delay, stop_.get_token())) {
      return describe({ErrorCode::kCancelled, "the call was stopped"});
    }
  }
}

S3Client::Impl::Attempt S3Client::Impl::TryOnce(const Operation& operation,
                                                Deadline deadline) {
  Attempt failed;
  auto credentials = credentials_->Get(deadline);
  if (!credentials.ok()) {
    failed.failure.error = std::move(credentials).error();
    failed.failure.retry = failed.failure.error.code == ErrorCode::kUnavailable;
    return failed;
  }
  const std::string region = RegionOf(operation.bucket);
  const Location location =
      Locate(endpoint_, operation.bucket, operation.key, region);
  if (!location.origin.tls && !(*credentials)->bearer_token.empty()) {
    // Whoever reads it on the way can use it.
    failed.failure.error = {ErrorCode::kInvalidArgument,
                            "an API key needs an endpoint with https://"};
    return failed;
  }
  net::HttpCall call;
  call.method = operation.method;
  call.origin = location.origin;
  call.target = location.path;
  call.body = operation.body;
  call.replayable = operation.idempotent;
  call.deadline = deadline;
  call.idle_timeout = idle_timeout_;
  Authorize(operation, **credentials, region, call);
  Attempt attempt = Send(operation, call);
  attempt.used_region = region;
  attempt.used_credentials = *std::move(credentials);
  return attempt;
}

// Adds the query and all fields, and Authorization unless anonymous.
void S3Client::Impl::Authorize(const Operation& operation,
                               const Credentials& credentials,
                               const std::string& region, net::HttpCall& call) {
  const std::string query = CanonicalQuery(operation.query);
  Parameters headers = operation.headers;
  if (!credentials.bearer_token.empty()) {
    headers.emplace_back("Authorization",
                         "Bearer " + credentials.bearer_token.Reveal());
    const bool makes_bucket =
        operation.method == "PUT" && operation.key.empty() && query.empty();
    if (makes_bucket && !credentials.service_instance_id.empty()) {
      headers.emplace_back("ibm-service-instance-id",
                           credentials.service_instance_id);
    }
  } else if (!credentials.anonymous()) {
    Sign(operation, credentials, region, call, query, headers);
  }
  for (auto& [name, value] : headers) {
    call.headers.Add(std::move(name), std::move(value));
  }
  call.headers.Add("User-Agent", kUserAgent);
  if (!query.empty()) call.target += "?" + query;
}

// Adds Authorization and the fields that it signs beside those there are.
void S3Client::Impl::Sign(const Operation& operation,
                          const Credentials& credentials,
                          const std::string& region, const net::HttpCall& call,
                          const std::string& query, Parameters& headers) {
  const bool hashed =
      !call.origin.tls && operation.body.size() <= kHashedBodyBytesMax;
  const std::string hash =
      hashed ? Sha256Hex(operation.body) : std::string(kUnsignedPayload);
  const std::string date = AmzDate(ServerNow());
  headers.emplace_back("x-amz-content-sha256", hash);
  headers.emplace_back("x-amz-date", date);
  if (!credentials.session_token.empty()) {
    headers.emplace_back("x-amz-security-token",
                         credentials.session_token.Reveal());
  }
  SigV4Request request = {operation.method, call.target, query, headers, hash};
  request.headers.emplace_back("host", call.origin.HostHeader());
  headers.emplace_back("Authorization",
                       signer_.Authorize(request, credentials, region, date));
}

S3Client::Impl::Attempt S3Client::Impl::Send(const Operation& operation,
                                             const net::HttpCall& call) {
  const bool anonymous = !call.headers.Has("Authorization");
  const auto lost = [&](const Error& error) {
    Attempt attempt;
    attempt.failure.error = error;
    // A deadline that has passed is the caller's; all else here is the network.
    attempt.failure.retry =
        error.code == ErrorCode::kUnavailable && operation.idempotent;
    return attempt;
  };
  if (operation.out) {
    auto response = http_->FetchInto(call, *operation.out);
    if (!response.ok()) return lost(response.error());
    return Judge(operation, response->status, anonymous,
                 {std::move(response->headers), std::move(response->error_body),
                  response->body_bytes});
  }
  auto response = http_->Fetch(call, operation.body_bytes_max);
  if (!response.ok()) return lost(response.error());
  return Judge(operation, response->status, anonymous,
               {std::move(response->headers), std::move(response->body), 0});
}

S3Client::Impl::Attempt S3Client::Impl::Judge(const Operation& operation,
                                              int status, bool anonymous,
                                              Answer answer) {
  Attempt attempt;
  const bool success = status >= 200 && status <= 299;
  std::optional<ErrorBody> body;
  if (!success || operation.error_in_success) body = ParseError(answer.body);
  if (success && !body) {
    attempt.answer = std::move(answer);
    return attempt;
  }
  attempt.region = answer.headers.Get("x-amz-bucket-region");
  if (attempt.region.empty() && body) attempt.region = body->region;
  attempt.headers = std::move(answer.headers);
  attempt.failure =
      MapFailure({success ? 500 : status, std::move(body), anonymous});
  return attempt;
}

bool S3Client::Impl::LearnRegion(const std::string& bucket,
                                 const std::string& used,
                                 const Attempt& attempt) {
  if (!IsRegionName(attempt.region) || attempt.region == used) return false;
  std::lock_guard lock(mutex_);
  if (regions_.size() >= kRegionsMax) regions_.clear();
  regions_[bucket] = attempt.region;
  return true;
}

// By the Date of an answer that says so, or that denies without saying why (to
// a HEAD) while the clocks are far apart.
bool S3Client::Impl::AdjustClock(const Attempt& attempt) {
  const bool denied =
      attempt.failure.error.code == ErrorCode::kPermissionDenied;
  if (!attempt.failure.skewed && !denied) return false;
  const auto server = ParseHttpDate(attempt.headers.Get("Date"));
  if (!server) return false;
  if (std::chrono::abs(*server - ServerNow()) < kSkewMin) return false;
  clock_offset_ = std::chrono::duration_cast<std::chrono::seconds>(
      *server - clock_.WallNow());
  return true;
}

// Keys that were replaced while the request was under way, or that ended
// before their time.
bool S3Client::Impl::RenewCredentials(const Attempt& attempt) {
  return attempt.failure.error.code == ErrorCode::kUnauthenticated &&
         attempt.used_credentials != nullptr &&
         credentials_->Renew(*attempt.used_credentials);
}

WallTime S3Client::Impl::ServerNow() const {
  return clock_.WallNow() + clock_offset_.load();
}

std::string S3Client::Impl::RegionOf(const std::string& bucket) {
  std::lock_guard lock(mutex_);
  const auto found = regions_.find(bucket);
  if (found != regions_.end()) return found->second;
  return configured_region_.empty() ? kDefaultRegion : configured_region_;
}

void S3Client::Impl::RequestStop() {
  stop_.request_stop();
  http_->RequestStop();
}

}  // namespace datashim::s3
