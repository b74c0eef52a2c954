#include "s3/sigv4.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace datashim::s3 {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

const std::string kEmptyHash =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

// Cases of AWS's "aws-sig-v4-test-suite" that do not rest on rules S3 has not
// (normalised and twice encoded paths).
struct SuiteCase {
  const char* name;
  const char* method;
  const char* path;
  Parameters query;
  Parameters more_headers;
  const char* body;
  const char* signed_headers;
  const char* signature;
};

const SuiteCase kSuite[] = {
    {"get_vanilla",
     "GET",
     "/",
     {},
     {},
     "",
     "host;x-amz-date",
     "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
    {"get_vanilla_empty_query_key",
     "GET",
     "/",
     {{"Param1", "value1"}},
     {},
     "",
     "host;x-amz-date",
     "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb"},
    {"get_vanilla_query_order_key_case",
     "GET",
     "/",
     {{"Param2", "value2"}, {"Param1", "value1"}},
     {},
     "",
     "host;x-amz-date",
     "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
    {"get_utf8",
     "GET",
     "/%E1%88%B4",
     {},
     {},
     "",
     "host;x-amz-date",
     "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"},
    {"get_header_value_trim",
     "GET",
     "/",
     {},
     {{"My-Header1", " value1"}, {"My-Header2", " \"a   b   c\""}},
     "",
     "host;my-header1;my-header2;x-amz-date",
     "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"},
    {"post_vanilla",
     "POST",
     "/",
     {},
     {},
     "",
     "host;x-amz-date",
     "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
    {"post_x_www_form_urlencoded",
     "POST",
     "/",
     {},
     {{"Content-Type", "application/x-www-form-urlencoded"}},
     "Param1=value1",
     "content-type;host;x-amz-date",
     "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"},
};

class SuiteTest : public ::testing::TestWithParam<SuiteCase> {};

TEST_P(SuiteTest, HasThePublishedSignature) {
  const SuiteCase& test = GetParam();
  const std::string query = CanonicalQuery(test.query);
  const std::string hash = Sha256Hex(test.body);
  SigV4Request request = {test.method, test.path, query, test.more_headers,
                          hash};
  request.headers.emplace_back("Host", "example.amazonaws.com");
  request.headers.emplace_back("X-Amz-Date", "20150830T123600Z");
  const Credentials credentials = {
      SecretString("AKIDEXAMPLE"),
      SecretString("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
      {}};
  SigV4Signer signer("service");
  EXPECT_EQ(
      signer.Authorize(request, credentials, "us-east-1", "20150830T123600Z"),
      "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/"
      "service/aws4_request, SignedHeaders=" +
          std::string(test.signed_headers) + ", Signature=" + test.signature);
}

INSTANTIATE_TEST_SUITE_P(Aws, SuiteTest, ::testing::ValuesIn(kSuite),
                         [](const auto& test) { return test.param.name; });

// "Authenticating Requests: Using the Authorization Header", S3 API Reference.
struct S3Case {
  const char* name;
  const char* method;
  const char* path;
  Parameters query;
  Parameters more_headers;
  const char* body;
  const char* signature;
};

const S3Case kS3[] = {
    {"GetObjectWithRange",
     "GET",
     "/test.txt",
     {},
     {{"Range", "bytes=0-9"}},
     "",
     "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"},
    {"PutObject",
     "PUT",
     "/test%24file.text",
     {},
     {{"Date", "Fri, 24 May 2013 00:00:00 GMT"},
      {"x-amz-storage-class", "REDUCED_REDUNDANCY"}},
     "Welcome to Amazon S3.",
     "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"},
    {"GetBucketLifecycle",
     "GET",
     "/",
     {{"lifecycle", ""}},
     {},
     "",
     "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"},
    {"ListObjects",
     "GET",
     "/",
     {{"max-keys", "2"}, {"prefix", "J"}},
     {},
     "",
     "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"},
};

class S3DocumentTest : public ::testing::TestWithParam<S3Case> {};

TEST_P(S3DocumentTest, HasThePublishedSignature) {
  const S3Case& test = GetParam();
  const std::string query = CanonicalQuery(test.query);
  const std::string hash = Sha256Hex(test.body);
  SigV4Request request = {test.method, test.path, query, test.more_headers,
                          hash};
  request.headers.emplace_back("Host", "examplebucket.s3.amazonaws.com");
  request.headers.emplace_back("x-amz-content-sha256", hash);
  request.headers.emplace_back("x-amz-date", "20130524T000000Z");
  const Credentials credentials = {
      SecretString("AKIAIOSFODNN7EXAMPLE"),
      SecretString("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
      {}};
  SigV4Signer signer("s3");
  EXPECT_THAT(
      signer.Authorize(request, credentials, "us-east-1", "20130524T000000Z"),
      EndsWith(std::string("Signature=") + test.signature));
}

INSTANTIATE_TEST_SUITE_P(Aws, S3DocumentTest, ::testing::ValuesIn(kS3),
                         [](const auto& test) { return test.param.name; });

TEST(SigV4Test, AKeyIsDerivedAgainForAnotherSecretDayOrRegion) {
  const Credentials a = {SecretString("id"), SecretString("a"), {}};
  const Credentials b = {SecretString("id"), SecretString("b"), {}};
  const SigV4Request request = {"GET", "/", "", {{"host", "h"}}, kEmptyHash};
  SigV4Signer warm("s3");
  struct {
    const Credentials* credentials;
    const char* region;
    const char* date;
  } const uses[] = {
      {&a, "r1", "20200101T000000Z"}, {&b, "r1", "20200101T000000Z"},
      {&a, "r2", "20200101T000000Z"}, {&a, "r1", "20200102T000000Z"},
      {&a, "r1", "20200102T000001Z"}, {&a, "r1", "20200101T000000Z"}};
  for (const auto& use : uses) {
    SigV4Signer cold("s3");
    EXPECT_EQ(warm.Authorize(request, *use.credentials, use.region, use.date),
              cold.Authorize(request, *use.credentials, use.region, use.date));
  }
}

TEST(SigV4Test, TheSecretIsNotInTheAnswer) {
  const Credentials credentials = {
      SecretString("id"), SecretString("hunter2"), {}};
  SigV4Signer signer("s3");
  const std::string value =
      signer.Authorize({"GET", "/", "", {{"host", "h"}}, kEmptyHash},
                       credentials, "r", "20200101T000000Z");
  EXPECT_THAT(value, StartsWith("AWS4-HMAC-SHA256 Credential=id/20200101/r/"));
  EXPECT_THAT(value, Not(HasSubstr("hunter2")));
}

TEST(SigV4Test, QueriesAreEncodedThenSorted) {
  EXPECT_EQ(CanonicalQuery({{"b", "/ +~"}, {"a", ""}, {"a-", "\xc3\xa9"}}),
            "a=&a-=%C3%A9&b=%2F%20%2B~");
}

TEST(SigV4Test, PathsAreTakenAsTheyAre) {
  EXPECT_THAT(CanonicalRequest({"GET", "/a//../b/./", "", {}, "hash"}),
              StartsWith("GET\n/a//../b/./\n\n"));
}

TEST(SigV4Test, DatesAreUtc) {
  EXPECT_EQ(AmzDate(WallTime(std::chrono::seconds(1369353600))),
            "20130524T000000Z");
}

}  // namespace
}  // namespace datashim::s3
