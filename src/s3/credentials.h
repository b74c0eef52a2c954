// The keys that sign requests, and where a client gets the current ones.

#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "base/secret.h"

namespace datashim::s3 {
/// Keys that sign, or a bearer token, or neither.
struct Credentials {
  SecretString access_key_id;
  SecretString secret_access_key;
  SecretString session_token;  ///< Empty: keys that last.

  /// IBM Cloud: sent as it is, in place of a signature, and over https only.
  SecretString bearer_token = {};
  /// With a bearer token: in which service instance buckets are made.
  std::string service_instance_id = {};

  /// Requests go out unsigned, as public buckets want them.
  bool anonymous() const {
    return access_key_id.empty() && bearer_token.empty();
  }

  friend bool operator==(const Credentials&, const Credentials&) = default;
};

/// Thread-safe.
class CredentialProvider {
 public:
  virtual ~CredentialProvider() = default;
  /// The keys to use now; called for every request. May block until the
  /// deadline to fetch new ones. Never null.
  virtual Result<std::shared_ptr<const Credentials>> Get(Deadline deadline) = 0;

  /// The server did not take `used`: unknown, or expired before their time.
  /// Does not block.
  /// @return true if Get will give other ones, so that a try is worth it.
  virtual bool Renew(const Credentials& used) = 0;
};

/// Keys that whoever owns the volume replaces while it is in use.
class UpdatableCredentials final : public CredentialProvider {
 public:
  explicit UpdatableCredentials(Credentials credentials);

  Result<std::shared_ptr<const Credentials>> Get(Deadline deadline) override;
  bool Renew(const Credentials& used) override;

  /// Requests that start from here on use the new keys; a retry of one that
  /// runs does, too.
  void Set(Credentials credentials);

 private:
  std::mutex mutex_;
  std::shared_ptr<const Credentials> current_;  // Guarded by mutex_.
};

}  // namespace datashim::s3
