// The default chain of AWS's tools: credentials from what a program finds
// around it. For the command line; the workloads of a cluster are told by
// Datasets and Secrets instead.

#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "credentials/profile.h"
#include "s3/credentials.h"

namespace datashim::credentials {

/// What is around a program.
struct Environment {
  /// The variable; empty if it is not set.
  std::function<std::string(const char* name)> variable;
  /// The file. kNotFound if it is not there.
  std::function<Result<std::string>(const std::string& path)> read_file;
};

/// The process's own. Files have at most 1 MiB.
Environment ProcessEnvironment();

/// The first that is there of: keys in the environment, a web identity in the
/// environment, the profile AWS_PROFILE or "default", a container's endpoint,
/// instance metadata. Asks no server. `environment.read_file` only reads.
/// @return the errors of ParseProfiles and FollowProfile, and kUnauthenticated
///     if nothing is there and AWS_EC2_METADATA_DISABLED is true.
Result<CredentialPlan> PlanCredentials(const Environment& environment);

/// What the plan says, refreshed for as long as it lives. `clock` outlives it.
Result<std::shared_ptr<s3::CredentialProvider>> MakeCredentials(
    const CredentialPlan& plan, const Environment& environment,
    Clock& clock = SystemClock());

}  // namespace datashim::credentials
