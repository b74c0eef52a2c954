#include "credentials/answers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace datashim::credentials {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::string_view kStsAnswer = R"(<?xml version="1.0"?>
<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <AssumeRoleWithWebIdentityResult>
    <SubjectFromWebIdentityToken>system:serviceaccount:a:b</SubjectFromWebIdentityToken>
    <Credentials>
      <SessionToken>the-token</SessionToken>
      <SecretAccessKey>hunter2</SecretAccessKey>
      <Expiration>2023-11-14T22:13:20Z</Expiration>
      <AccessKeyId>ASIAEXAMPLE</AccessKeyId>
    </Credentials>
  </AssumeRoleWithWebIdentityResult>
</AssumeRoleWithWebIdentityResponse>)";

constexpr std::string_view kKeysDocument =
    R"({"Code":"Success","Type":"AWS-HMAC","AccessKeyId":"ASIAEXAMPLE",)"
    R"("SecretAccessKey":"hunter2","Token":"the-token",)"
    R"("Expiration":"2023-11-14T22:13:20Z"})";

std::string Without(std::string_view text, std::string_view part) {
  std::string result(text);
  const std::size_t at = result.find(part);
  EXPECT_NE(at, std::string::npos) << part;
  return result.erase(at, part.size());
}

void ExpectTheExample(const Result<TimedCredentials>& answer) {
  ASSERT_TRUE(answer.ok()) << answer.error().message;
  EXPECT_EQ(answer->credentials.access_key_id.Reveal(), "ASIAEXAMPLE");
  EXPECT_EQ(answer->credentials.secret_access_key.Reveal(), "hunter2");
  EXPECT_EQ(answer->credentials.session_token.Reveal(), "the-token");
  EXPECT_EQ(answer->expires_at, WallTime(std::chrono::seconds(1'700'000'000)));
}

TEST(AnswersTest, CredentialsOfSts) {
  ExpectTheExample(ParseStsAnswer(kStsAnswer));
  for (const std::string_view part :
       {"<SessionToken>the-token</SessionToken>", "hunter2", "ASIAEXAMPLE",
        "2023-11-14T", "</Credentials>"}) {
    const auto answer = ParseStsAnswer(Without(kStsAnswer, part));
    ASSERT_FALSE(answer.ok()) << part;
    EXPECT_EQ(answer.error().code, ErrorCode::kDataLoss);
    EXPECT_THAT(answer.error().message, Not(HasSubstr("hunter2")));
  }
  EXPECT_FALSE(ParseStsAnswer("").ok());
  EXPECT_FALSE(ParseStsAnswer("<a/>").ok());
}

TEST(AnswersTest, CredentialsOfContainersAndInstances) {
  ExpectTheExample(ParseKeysDocument(kKeysDocument));
  ExpectTheExample(
      ParseKeysDocument(Without(kKeysDocument, R"("Code":"Success",)")));
  for (const std::string_view part :
       {R"("Token":"the-token",)", "hunter2", "ASIAEXAMPLE", "2023-11-14T",
        "uccess", "}"}) {
    const auto answer = ParseKeysDocument(Without(kKeysDocument, part));
    ASSERT_FALSE(answer.ok()) << part;
    EXPECT_EQ(answer.error().code, ErrorCode::kDataLoss);
    EXPECT_THAT(answer.error().message, Not(HasSubstr("hunter2")));
  }
  EXPECT_FALSE(ParseKeysDocument("[]").ok());
  EXPECT_FALSE(ParseKeysDocument(R"({"AccessKeyId":1})").ok());
}

TEST(AnswersTest, ValuesThatAreNoHeadersAreRefused) {
  EXPECT_EQ(ParseToken(" a.b-c\n")->Reveal(), "a.b-c");
  EXPECT_TRUE(ParseToken(std::string(kValueBytesMax, 'a')).ok());
  for (const std::string& text :
       {std::string(), std::string(" \n"), std::string("a b"),
        std::string("a\r\nX: y"), std::string("a\0b", 3),
        std::string(kValueBytesMax + 1, 'a')}) {
    EXPECT_FALSE(ParseToken(text).ok()) << text;
  }
}

TEST(AnswersTest, NamesOfRoles) {
  EXPECT_EQ(*ParseRoleName("my-role+1@x\nother"), "my-role+1@x");
  for (const std::string_view text : {"", "\nrole", "a/b", "..%2f", "a b"}) {
    EXPECT_FALSE(ParseRoleName(text).ok()) << text;
  }
}

TEST(AnswersTest, BearerTokens) {
  const auto bearer = ParseBearerToken(
      R"({"access_token":"eyJ.x.y","refresh_token":"not_supported",)"
      R"("token_type":"Bearer","expires_in":3600,"expiration":1700000000})");
  ASSERT_TRUE(bearer.ok()) << bearer.error().message;
  EXPECT_EQ(bearer->token.Reveal(), "eyJ.x.y");
  EXPECT_EQ(bearer->lifetime, std::chrono::hours(1));
  for (const char* const text :
       {"", "{}", R"({"access_token":"t"})",
        R"({"access_token":"t","expires_in":0})",
        R"({"access_token":"t","expires_in":-1})",
        R"({"access_token":"t","expires_in":1e99})",
        R"({"access_token":"t","expires_in":18446744073709551615})",
        R"({"access_token":"t","expires_in":"3600"})",
        R"({"access_token":"a b","expires_in":3600})"}) {
    EXPECT_FALSE(ParseBearerToken(text).ok()) << text;
  }
}

TEST(AnswersTest, Errors) {
  auto error = ParseStsError(
      "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code>"
      "<Message>not\nyou</Message></Error></ErrorResponse>");
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->code, "AccessDenied");
  EXPECT_EQ(error->message, "not?you");
  EXPECT_EQ(ParseStsError("<Error><Code>C</Code></Error>")->code, "C");
  EXPECT_FALSE(ParseStsError("<ErrorResponse/>").has_value());
  EXPECT_FALSE(ParseStsError("no XML").has_value());

  error = ParseJsonError(
      R"({"errorCode":"BXNIM0415E","errorMessage":"no such key"})");
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->code, "BXNIM0415E");
  EXPECT_EQ(error->message, "no such key");
  EXPECT_EQ(ParseJsonError(R"({"code":"c"})")->code, "c");
  EXPECT_FALSE(ParseJsonError(R"({"code":"a b"})").has_value());
  EXPECT_FALSE(ParseJsonError(R"({"code":1})").has_value());
  EXPECT_FALSE(ParseJsonError("<html>").has_value());
}

}  // namespace
}  // namespace datashim::credentials
