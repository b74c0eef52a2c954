// The profiles of ~/.aws/config and ~/.aws/credentials: parsed, and followed to
// what they mean. Pure.

#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/secret.h"
#include "s3/credentials.h"

namespace datashim::credentials {

/// Settings by name, in lower case.
using Profile = std::map<std::string, SecretString, std::less<>>;
using Profiles = std::map<std::string, Profile, std::less<>>;

/// Both files; either may be empty. What both have is taken from the second.
/// Sections that are no profiles, and settings within settings, are skipped.
/// @return kInvalidArgument, naming the line but not its text.
Result<Profiles> ParseProfiles(std::string_view config,
                               std::string_view credentials);

/// A role that is assumed.
struct Role {
  std::string arn;
  std::string external_id;
  std::string session_name;  ///< Empty: ours.
  std::optional<std::chrono::seconds> duration;

  friend bool operator==(const Role&, const Role&) = default;
};

/// Where credentials come from: a start, and roles that are assumed from there.
struct CredentialPlan {
  enum class Start {
    kKeys,         ///< `keys`.
    kEnvironment,  ///< Keys in AWS_ACCESS_KEY_ID and so on.
    kWebIdentity,  ///< `token_file`, for the first of `roles`.
    kContainer,    ///< AWS_CONTAINER_CREDENTIALS_….
    kInstance,     ///< Instance metadata.
  };
  Start start = Start::kInstance;
  s3::Credentials keys = {};
  std::string token_file = {};
  std::vector<Role> roles = {};  ///< In the order in which they are assumed.
  std::string region = {};       ///< Of STS; empty: not said.
};

/// What a profile means: its keys, or its role with source_profile,
/// credential_source or web_identity_token_file.
/// @return kNotFound if it is not there, kUnimplemented for sso_*,
///     credential_process and mfa_serial, which need a person or a program,
///     kInvalidArgument for anything else that is no way to credentials.
Result<CredentialPlan> FollowProfile(const Profiles& profiles,
                                     const std::string& name);

}  // namespace datashim::credentials
