#include "credentials/profile.h"

#include <algorithm>
#include <utility>

#include "base/strings.h"

namespace datashim::credentials {
namespace {

constexpr std::size_t kProfilesMax = 1000;
constexpr std::size_t kSettingsMax = 100;
constexpr std::size_t kRolesMax = 5;
// STS: 15 minutes to 12 hours.
constexpr std::int64_t kDurationSecondsMin = 900;
constexpr std::int64_t kDurationSecondsMax = 12 * 3600;

enum class File { kConfig, kCredentials };

Error WrongLine(File file, std::size_t line, std::string_view why) {
  return {ErrorCode::kInvalidArgument,
          std::string(file == File::kConfig ? "config" : "credentials") +
              " file, line " + std::to_string(line) + ": " + std::string(why)};
}

/// A comment behind a value begins after a space.
std::string_view WithoutComment(std::string_view value) {
  for (std::size_t i = 1; i < value.size(); ++i) {
    if ((value[i] == '#' || value[i] == ';') &&
        (value[i - 1] == ' ' || value[i - 1] == '\t')) {
      return TrimSpace(value.substr(0, i));
    }
  }
  return value;
}

/// The profile that a section is about; nullopt: none.
/// In the config file: [default] and [profile NAME]; in the other: [NAME].
std::optional<std::string> ProfileOf(std::string_view section, File file) {
  section = TrimSpace(section);
  if (file == File::kCredentials || section == "default") {
    return std::string(section);
  }
  constexpr std::string_view kWord = "profile";
  if (!section.starts_with(kWord)) return std::nullopt;
  const std::string_view rest = section.substr(kWord.size());
  const std::string_view name = TrimSpace(rest);
  if (name.empty() || name.size() == rest.size()) return std::nullopt;
  return std::string(name);
}

/// Adds what the text says; a value of before is replaced.
Status Parse(std::string_view text, File file, Profiles& profiles) {
  Profile* profile = nullptr;
  std::size_t number = 0;
  for (const std::string_view whole : Split(text, '\n')) {
    ++number;
    const std::string_view line = TrimSpace(whole);
    if (line.empty() || line.front() == '#' || line.front() == ';') continue;
    if (whole.front() == ' ' || whole.front() == '\t') continue;
    if (line.front() == '[') {
      const std::size_t end = line.find(']');
      if (end == std::string_view::npos) {
        return WrongLine(file, number, "a section without ']'");
      }
      const auto name = ProfileOf(line.substr(1, end - 1), file);
      profile = name ? &profiles[*name] : nullptr;
      if (profiles.size() > kProfilesMax) {
        return WrongLine(file, number, "too many profiles");
      }
      continue;
    }
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos) {
      return WrongLine(file, number, "neither a section nor name = value");
    }
    if (profile == nullptr) continue;
    if (profile->size() >= kSettingsMax) {
      return WrongLine(file, number, "too many settings");
    }
    profile->insert_or_assign(ToLower(TrimSpace(line.substr(0, equals))),
                              SecretString(std::string(WithoutComment(
                                  TrimSpace(line.substr(equals + 1))))));
  }
  return OkStatus();
}

const SecretString& Setting(const Profile& profile, std::string_view name) {
  static const SecretString kNone;
  const auto found = profile.find(name);
  return found == profile.end() ? kNone : found->second;
}

Error Wrong(const std::string& name, std::string_view why,
            ErrorCode code = ErrorCode::kInvalidArgument) {
  return {code, "profile " + JsonQuote(name) + ": " + std::string(why)};
}

Result<Role> RoleOf(const Profile& profile, const std::string& name) {
  Role role;
  role.arn = Setting(profile, "role_arn").Reveal();
  role.external_id = Setting(profile, "external_id").Reveal();
  role.session_name = Setting(profile, "role_session_name").Reveal();
  if (const auto& text = Setting(profile, "duration_seconds"); !text.empty()) {
    const auto seconds =
        ParseInt(text.Reveal(), kDurationSecondsMin, kDurationSecondsMax);
    if (!seconds) return Wrong(name, "duration_seconds is not 900 to 43200");
    role.duration = std::chrono::seconds(*seconds);
  }
  return role;
}

bool HasKeys(const Profile& profile) {
  return !Setting(profile, "aws_access_key_id").empty();
}

Result<CredentialPlan::Start> StartOf(const std::string& credential_source,
                                      const std::string& name) {
  using Start = CredentialPlan::Start;
  if (credential_source == "Environment") return Start::kEnvironment;
  if (credential_source == "EcsContainer") return Start::kContainer;
  if (credential_source == "Ec2InstanceMetadata") return Start::kInstance;
  return Wrong(name,
               "credential_source is not Environment, EcsContainer or "
               "Ec2InstanceMetadata");
}

Status SetKeys(const Profile& profile, const std::string& name,
               CredentialPlan& plan) {
  plan.start = CredentialPlan::Start::kKeys;
  plan.keys.access_key_id = Setting(profile, "aws_access_key_id");
  plan.keys.secret_access_key = Setting(profile, "aws_secret_access_key");
  plan.keys.session_token = Setting(profile, "aws_session_token");
  if (plan.keys.secret_access_key.empty()) {
    return Wrong(name, "aws_secret_access_key is missing");
  }
  return OkStatus();
}

/// A profile that has no role: the end of the way.
Status SetStart(const Profile& profile, const std::string& name,
                CredentialPlan& plan) {
  if (HasKeys(profile)) return SetKeys(profile, name, plan);
  for (const char* const setting :
       {"credential_process", "sso_session", "sso_start_url"}) {
    if (Setting(profile, setting).empty()) continue;
    return Wrong(name,
                 std::string(setting) +
                     " is not supported; give keys, for example those of `aws "
                     "configure export-credentials`",
                 ErrorCode::kUnimplemented);
  }
  return Wrong(name, "has no keys");
}

}  // namespace

Result<Profiles> ParseProfiles(std::string_view config,
                               std::string_view credentials) {
  Profiles profiles;
  DS_RETURN_IF_ERROR(Parse(config, File::kConfig, profiles));
  DS_RETURN_IF_ERROR(Parse(credentials, File::kCredentials, profiles));
  return profiles;
}

Result<CredentialPlan> FollowProfile(const Profiles& profiles,
                                     const std::string& name) {
  CredentialPlan plan;
  std::string current = name;
  while (true) {
    const auto found = profiles.find(current);
    if (found == profiles.end()) {
      return Wrong(current, "is not there", ErrorCode::kNotFound);
    }
    const Profile& profile = found->second;
    if (plan.region.empty()) plan.region = Setting(profile, "region").Reveal();
    if (Setting(profile, "role_arn").empty()) {
      DS_RETURN_IF_ERROR(SetStart(profile, current, plan));
      break;
    }
    if (!Setting(profile, "mfa_serial").empty()) {
      return Wrong(current, "mfa_serial is not supported",
                   ErrorCode::kUnimplemented);
    }
    if (plan.roles.size() >= kRolesMax) {
      return Wrong(name, "more than 5 roles, or a circle of them");
    }
    DS_ASSIGN_OR_RETURN(Role role, RoleOf(profile, current));
    plan.roles.push_back(std::move(role));
    if (const auto& file = Setting(profile, "web_identity_token_file");
        !file.empty()) {
      plan.start = CredentialPlan::Start::kWebIdentity;
      plan.token_file = file.Reveal();
      break;
    }
    if (const auto& source = Setting(profile, "credential_source");
        !source.empty()) {
      DS_ASSIGN_OR_RETURN(plan.start, StartOf(source.Reveal(), current));
      break;
    }
    const std::string& next = Setting(profile, "source_profile").Reveal();
    if (next.empty()) {
      return Wrong(current,
                   "role_arn needs source_profile, credential_source or "
                   "web_identity_token_file");
    }
    if (next == current) {  // Its own keys open the role.
      DS_RETURN_IF_ERROR(SetKeys(profile, current, plan));
      break;
    }
    current = next;
  }
  std::ranges::reverse(plan.roles);
  return plan;
}

}  // namespace datashim::credentials
