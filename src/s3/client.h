// S3Client: one S3 endpoint with one set of keys. Signs, sends, retries and
// explains. Operations on objects are in object_store.h.

#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "net/tls_options.h"
#include "s3/credentials.h"

namespace datashim::s3 {
/// An endpoint and how to talk to it.
struct S3Config {
  /// http(s)://host[:port][/path]. Empty: AWS, https, for the region.
  std::string endpoint;
  /// Empty: us-east-1 until the server names another.
  std::string region;
  /// endpoint/bucket/key (true) or bucket.endpoint/key (false).
  bool path_style = true;
  /// `server_name` is not for here.
  net::TlsOptions tls = {};

  std::size_t connections_max = 64;
  Duration connect_timeout = std::chrono::seconds(5);
  /// Silence of the server after which an attempt is given up.
  Duration idle_timeout = std::chrono::seconds(20);
  /// Attempts of one operation, the first included.
  int attempts_max = 5;
};

/// How CreateBucket makes a bucket.
struct BucketOptions {
  /// Where CreateBucket makes it. Empty: where the endpoint is.
  std::string region;
};

/// Thread-safe; share one per (endpoint, keys). Calls block until the answer
/// or the deadline. Errors are those of store::ObjectStore, with messages that
/// name bucket and endpoint and say what to change, such as
///   bucket "x" at http://s3:9000: access denied (InvalidAccessKeyId): the
///   access key is not known there; check accessKeyID in the Secret
class S3Client {
 public:
  /// Opens no connection.
  /// @return kInvalidArgument if the endpoint or a PEM text does not parse.
  static Result<std::shared_ptr<S3Client>> Make(
      S3Config config, std::shared_ptr<CredentialProvider> credentials,
      Clock& clock = SystemClock());
  S3Client(const S3Client&) = delete;
  S3Client& operator=(const S3Client&) = delete;
  ~S3Client();

  /// Whether these keys may list `prefix` of the bucket, in one request (a
  /// HEAD of the bucket would hide S3's reason). Finds the region on its way.
  ///
  /// Errors, each told apart: kUnavailable (endpoint does not answer),
  /// kNotFound (no such bucket), kUnauthenticated (wrong, unknown or expired
  /// keys), kPermissionDenied (good keys without the right),
  /// kInvalidArgument (a name that no bucket can have).
  Status ProbeBucket(const std::string& bucket, const std::string& prefix,
                     Deadline deadline);

  /// Makes the bucket. OK too when it exists and is ours; kAlreadyExists when
  /// somebody else has it.
  Status CreateBucket(const std::string& bucket, const BucketOptions& options,
                      Deadline deadline);

  /// OK too when it is not there; kFailedPrecondition when it is not empty.
  Status DeleteBucket(const std::string& bucket, Deadline deadline);

  /// Makes this the only tag of the bucket.
  Status TagBucket(const std::string& bucket, const std::string& key,
                   const std::string& value, Deadline deadline);
  /// The value of a tag; empty if the bucket has no such tag.
  Result<std::string> BucketTag(const std::string& bucket,
                                const std::string& key, Deadline deadline);

  /// "http://s3:9000"; for messages.
  const std::string& endpoint() const;

  /// Ends calls that wait or run with kCancelled, and refuses new ones.
  void RequestStop();

  /// The part that S3ObjectStore uses; private to s3/.
  class Impl;
  Impl& impl() { return *impl_; }

 private:
  explicit S3Client(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// What a bucket may be named somewhere: 3 to 255 of A-Z a-z 0-9 . - _. Looser
/// than S3's rules for new ones, because old buckets and other servers have
/// capitals and '_'. @return kInvalidArgument with the rule that is broken.
Status CheckBucketName(std::string_view bucket);

}  // namespace datashim::s3
