// CredentialSource: a server or file that gives credentials which end. Fetches
// once per call; when to fetch is decided by RefreshSchedule.

#pragma once

#include <functional>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "base/secret.h"
#include "s3/credentials.h"

namespace datashim::credentials {

/// What a source gave.
struct FetchedCredentials {
  s3::Credentials credentials;
  /// From now on, by the clock of who gave them. nullopt: they last.
  std::optional<Duration> lifetime;
};

/// Fetch is called by one thread at a time, RequestStop by any.
class CredentialSource {
 public:
  virtual ~CredentialSource() = default;

  /// Such as "AssumeRole at https://sts.amazonaws.com"; for messages.
  virtual const std::string& name() const = 0;

  /// One attempt. Errors: kUnauthenticated (who asks is not known or may not),
  /// kUnavailable (try later), kDeadlineExceeded, kDataLoss (the answer is not
  /// what such a server sends), kCancelled. Messages hold no secret, and no
  /// text of a server that was sent one.
  virtual Result<FetchedCredentials> Fetch(Deadline deadline) = 0;

  /// Ends a Fetch that runs with kCancelled, and refuses new ones.
  virtual void RequestStop() = 0;
};

/// The current token of somebody's identity; read at every fetch, because it
/// ends, too.
using TokenReader = std::function<Result<SecretString>()>;

}  // namespace datashim::credentials
