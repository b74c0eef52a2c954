#include "credentials/default_chain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>

namespace datashim::credentials {
namespace {

using Start = CredentialPlan::Start;
using ::testing::HasSubstr;

using Texts = std::map<std::string, std::string>;

Environment Around(Texts variables, Texts files = {}) {
  variables.emplace("HOME", "/home/me");
  return {[variables = std::move(variables)](const char* name) {
            const auto found = variables.find(name);
            return found == variables.end() ? std::string() : found->second;
          },
          [files = std::move(files)](
              const std::string& path) -> Result<std::string> {
            const auto found = files.find(path);
            if (found == files.end()) return Error{ErrorCode::kNotFound, path};
            return found->second;
          }};
}

const Texts kKeysInEnvironment = {{"AWS_ACCESS_KEY_ID", "AKID"},
                                  {"AWS_SECRET_ACCESS_KEY", "hunter2"},
                                  {"AWS_SESSION_TOKEN", "t"}};
const Texts kWebIdentity = {{"AWS_ROLE_ARN", "arn:r"},
                            {"AWS_WEB_IDENTITY_TOKEN_FILE", "/token"}};
const Texts kContainer = {
    {"AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:1/x"}};
const Texts kFiles = {{"/home/me/.aws/credentials",
                       "[default]\naws_access_key_id=AKIDFILE\n"
                       "aws_secret_access_key=k\n"}};

Texts operator+(Texts a, const Texts& b) {
  a.insert(b.begin(), b.end());
  return a;
}

Start StartIn(const Environment& environment) {
  const auto plan = PlanCredentials(environment);
  EXPECT_TRUE(plan.ok()) << plan.error().message;
  return plan->start;
}

TEST(DefaultChainTest, TheFirstThatIsThere) {
  Texts all = kKeysInEnvironment + kWebIdentity + kContainer;
  EXPECT_EQ(StartIn(Around(all, kFiles)), Start::kEnvironment);
  all = kWebIdentity + kContainer;
  EXPECT_EQ(StartIn(Around(all, kFiles)), Start::kWebIdentity);
  EXPECT_EQ(StartIn(Around(kContainer, kFiles)), Start::kKeys);
  EXPECT_EQ(StartIn(Around(kContainer)), Start::kContainer);
  EXPECT_EQ(StartIn(Around({})), Start::kInstance);
  const auto none =
      PlanCredentials(Around({{"AWS_EC2_METADATA_DISABLED", "true"}}));
  ASSERT_FALSE(none.ok());
  EXPECT_EQ(none.error().code, ErrorCode::kUnauthenticated);
}

TEST(DefaultChainTest, FilesAndProfileCanBeNamed) {
  const Texts files = {{"/c", "[profile p]\naws_access_key_id=A\n"},
                       {"/k", "[p]\naws_secret_access_key=B\n"}};
  const Texts named = {{"AWS_CONFIG_FILE", "/c"},
                       {"AWS_SHARED_CREDENTIALS_FILE", "/k"},
                       {"AWS_PROFILE", "p"},
                       {"AWS_REGION", "eu-west-3"}};
  const auto plan = PlanCredentials(Around(named, files));
  ASSERT_TRUE(plan.ok()) << plan.error().message;
  EXPECT_EQ(plan->keys.access_key_id.Reveal(), "A");
  EXPECT_EQ(plan->keys.secret_access_key.Reveal(), "B");
  EXPECT_EQ(plan->region, "eu-west-3");
  const auto missing = PlanCredentials(Around({{"AWS_PROFILE", "p"}}, kFiles));
  ASSERT_FALSE(missing.ok()) << "asked for by name";
  EXPECT_EQ(missing.error().code, ErrorCode::kNotFound);
}

TEST(DefaultChainTest, AProfileThatOnlySaysARegionIsNone) {
  const Texts files = {{"/home/me/.aws/config", "[default]\nregion = x\n"}};
  EXPECT_EQ(StartIn(Around(kContainer, files)), Start::kContainer);
}

TEST(DefaultChainTest, KeysOfTheEnvironmentAreGiven) {
  const Environment environment = Around(kKeysInEnvironment);
  const auto provider =
      MakeCredentials(*PlanCredentials(environment), environment);
  ASSERT_TRUE(provider.ok()) << provider.error().message;
  const auto keys = (*provider)->Get(Deadline::Never());
  ASSERT_TRUE(keys.ok()) << keys.error().message;
  EXPECT_EQ((*keys)->access_key_id.Reveal(), "AKID");
  EXPECT_EQ((*keys)->secret_access_key.Reveal(), "hunter2");
  EXPECT_EQ((*keys)->session_token.Reveal(), "t");
}

TEST(DefaultChainTest, ATokenFileThatIsMissingIsNamed) {
  const Environment environment = Around(
      kWebIdentity + Texts{{"AWS_ENDPOINT_URL_STS", "http://127.0.0.1:1"}});
  const auto provider =
      MakeCredentials(*PlanCredentials(environment), environment);
  ASSERT_TRUE(provider.ok()) << provider.error().message;
  const auto keys = (*provider)->Get(Deadline::After(std::chrono::seconds(20)));
  ASSERT_FALSE(keys.ok());
  EXPECT_THAT(keys.error().message, HasSubstr("/token"));
}

TEST(DefaultChainTest, AContainersTokenGoesNowhereElse) {
  for (const char* const url :
       {"http://example.com/x", "http://127.0.0.1.example.com/x",
        "http://169.254.169.254/x", "http://10.0.0.1/x", "ftp://127.0.0.1/"}) {
    const Environment environment =
        Around({{"AWS_CONTAINER_CREDENTIALS_FULL_URI", url}});
    const auto provider =
        MakeCredentials(*PlanCredentials(environment), environment);
    ASSERT_FALSE(provider.ok()) << url;
    EXPECT_EQ(provider.error().code, ErrorCode::kInvalidArgument);
  }
  for (const char* const relative : {".example.com/x", "@example.com/x"}) {
    const Environment environment =
        Around({{"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", relative}});
    EXPECT_FALSE(
        MakeCredentials(*PlanCredentials(environment), environment).ok());
  }
}

}  // namespace
}  // namespace datashim::credentials
