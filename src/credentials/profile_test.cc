#include "credentials/profile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace datashim::credentials {
namespace {

using Start = CredentialPlan::Start;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::string_view kConfig = R"(
# a comment
[default]
region = eu-west-1
[profile dev]   ; the developers
aws_access_key_id = AKIDCONFIG
aws_secret_access_key=hunter2
s3 =
  max_concurrent_requests = 20
[profile reader]
role_arn = arn:aws:iam::1:role/reader
source_profile = dev
external_id = us
role_session_name = me
duration_seconds = 900
[profile deep]
ROLE_ARN = arn:aws:iam::2:role/deep  # of the other account
source_profile = reader
region = us-west-2
[profile own]
role_arn = arn:own
source_profile = own
aws_access_key_id = AKIDOWN
aws_secret_access_key = hunter3
[profile circle]
role_arn = arn:c
source_profile = circle2
[profile circle2]
role_arn = arn:c2
source_profile = circle
[profile pod]
role_arn = arn:pod
web_identity_token_file = /token
[profile instance]
role_arn = arn:i
credential_source = Ec2InstanceMetadata
[profile strange]
role_arn = arn:i
credential_source = Elsewhere
[profile person]
sso_session = corp
[profile mfa]
role_arn = arn:m
mfa_serial = arn:device
source_profile = dev
[profile half]
aws_access_key_id = AKID
[sso-session corp]
sso_start_url = https://x
[profilenot]
aws_access_key_id = AKIDNOT
)";

constexpr std::string_view kCredentials =
    "[dev]\r\naws_access_key_id = AKIDDEV\r\n"
    "[default]\naws_access_key_id=AKIDDEFAULT\naws_secret_access_key=a;b#c\n"
    "aws_session_token=t\n";

Profiles Parsed() {
  auto profiles = ParseProfiles(kConfig, kCredentials);
  EXPECT_TRUE(profiles.ok()) << profiles.error().message;
  return std::move(profiles).value();
}

Error Refused(const std::string& name) {
  const auto plan = FollowProfile(Parsed(), name);
  EXPECT_FALSE(plan.ok()) << name;
  return plan.ok() ? Error{} : plan.error();
}

TEST(ProfileTest, KeysAreThoseOfTheCredentialsFile) {
  auto plan = FollowProfile(Parsed(), "default");
  ASSERT_TRUE(plan.ok()) << plan.error().message;
  EXPECT_EQ(plan->start, Start::kKeys);
  EXPECT_EQ(plan->keys.access_key_id.Reveal(), "AKIDDEFAULT");
  EXPECT_EQ(plan->keys.secret_access_key.Reveal(), "a;b#c");
  EXPECT_EQ(plan->keys.session_token.Reveal(), "t");
  EXPECT_EQ(plan->region, "eu-west-1");
  plan = FollowProfile(Parsed(), "dev");
  ASSERT_TRUE(plan.ok()) << plan.error().message;
  EXPECT_EQ(plan->keys.access_key_id.Reveal(), "AKIDDEV");
  EXPECT_EQ(plan->keys.secret_access_key.Reveal(), "hunter2");
}

TEST(ProfileTest, RolesAreAssumedFromTheStart) {
  const auto plan = FollowProfile(Parsed(), "deep");
  ASSERT_TRUE(plan.ok()) << plan.error().message;
  EXPECT_EQ(plan->start, Start::kKeys);
  EXPECT_EQ(plan->keys.access_key_id.Reveal(), "AKIDDEV");
  EXPECT_THAT(plan->roles,
              ElementsAre(Role{"arn:aws:iam::1:role/reader", "us", "me",
                               std::chrono::seconds(900)},
                          Role{"arn:aws:iam::2:role/deep", "", "", {}}));
  EXPECT_EQ(plan->region, "us-west-2");
  const auto own = FollowProfile(Parsed(), "own");
  ASSERT_TRUE(own.ok()) << own.error().message;
  EXPECT_EQ(own->keys.access_key_id.Reveal(), "AKIDOWN");
}

TEST(ProfileTest, RolesOfTokensAndMachines) {
  auto plan = FollowProfile(Parsed(), "pod");
  ASSERT_TRUE(plan.ok()) << plan.error().message;
  EXPECT_EQ(plan->start, Start::kWebIdentity);
  EXPECT_EQ(plan->token_file, "/token");
  plan = FollowProfile(Parsed(), "instance");
  ASSERT_TRUE(plan.ok()) << plan.error().message;
  EXPECT_EQ(plan->start, Start::kInstance);
}

TEST(ProfileTest, WhatIsNoWayIsSaid) {
  EXPECT_EQ(Refused("missing").code, ErrorCode::kNotFound);
  EXPECT_EQ(Refused("profilenot").code, ErrorCode::kNotFound);
  EXPECT_EQ(Refused("corp").code, ErrorCode::kNotFound);
  EXPECT_EQ(Refused("person").code, ErrorCode::kUnimplemented);
  EXPECT_EQ(Refused("mfa").code, ErrorCode::kUnimplemented);
  EXPECT_THAT(Refused("circle").message, HasSubstr("circle"));
  EXPECT_THAT(Refused("strange").message, HasSubstr("credential_source"));
  EXPECT_THAT(Refused("half").message, HasSubstr("aws_secret_access_key"));
}

TEST(ProfileTest, WrongLinesAreNamedAndNotShown) {
  for (const std::string_view text :
       {"[default]\nhunter2", "[default\n", "\n[a]\nb = c\nhunter2\n"}) {
    const auto profiles = ParseProfiles("", text);
    ASSERT_FALSE(profiles.ok()) << text;
    EXPECT_THAT(profiles.error().message, HasSubstr("line "));
    EXPECT_THAT(profiles.error().message, Not(HasSubstr("hunter2")));
  }
  std::string many;
  for (int n = 0; n < 2000; ++n) many += "[p" + std::to_string(n) + "]\n";
  EXPECT_FALSE(ParseProfiles("", many).ok());
}

}  // namespace
}  // namespace datashim::credentials
