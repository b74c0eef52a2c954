#include "dataset/unpack_request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace datashim::dataset {
namespace {

using ::testing::HasSubstr;

UnpackRequest Good() {
  UnpackRequest request;
  request.url = "s3://open-data/noaa.tar.gz";
  request.format = ArchiveFormat::kTar;
  request.extract = true;
  request.sha256 = std::string(64, 'a');
  request.target.endpoint = "http://minio:9000";
  request.target.bucket = "bucket";
  request.target.prefix = "uid/version/";
  request.target.access_key_id = SecretString("id");
  request.target.secret_access_key = SecretString("key");
  request.origin.emplace();
  request.origin->endpoint = "https://s3.example.com";
  request.origin->bucket = "open-data";
  return request;
}

TEST(UnpackRequestTest, ASecretCarriesItAll) {
  const UnpackRequest wrote = Good();
  const auto read = UnpackRequest::FromSecretData(wrote.ToSecretData());
  ASSERT_TRUE(read.ok()) << read.error().message;
  EXPECT_EQ(read->url, wrote.url);
  EXPECT_EQ(read->format, wrote.format);
  EXPECT_TRUE(read->extract);
  EXPECT_EQ(read->sha256, wrote.sha256);
  EXPECT_EQ(read->target.prefix, wrote.target.prefix);
  EXPECT_EQ(read->target.secret_access_key, wrote.target.secret_access_key);
  ASSERT_TRUE(read->origin.has_value());
  EXPECT_EQ(read->origin->endpoint, wrote.origin->endpoint);
  EXPECT_TRUE(read->origin->access_key_id.empty());
}

TEST(UnpackRequestTest, AWholeBucketIsNoTarget) {
  UnpackRequest request = Good();
  request.target.prefix.clear();
  const auto read = UnpackRequest::FromSecretData(request.ToSecretData());
  ASSERT_FALSE(read.ok());
  EXPECT_THAT(read.error().message, HasSubstr("folder"));
}

TEST(UnpackRequestTest, Urls) {
  const auto code = [](std::string_view url) {
    const Status checked = CheckArchiveUrl(url);
    return checked.ok() ? ErrorCode{0} : checked.error().code;
  };
  for (const char* good :
       {"https://example.com/a.tar.gz", "http://10.0.0.1:8080/a?b=c",
        "http://minio.minio.svc/a", "s3://bucket/a b/c", "https://feb.org/x",
        "http://[2001:db8::1]/x", "http://1.example.com/x"}) {
    EXPECT_EQ(code(good), ErrorCode{0}) << good;
  }
  for (const char* wrong :
       {"", "ftp://h/a", "/a", "https://", "https://u:p@h/a", "http://h/a b",
        "http://h/a#b", "http://h/\xc3\xbc", "s3://bucket", "s3://bucket/",
        "s3://b/a", "http://0x7f000001/", "http://2130706433/",
        "http://127.1/a", "http://127.0.0.1./", "HTTP://h/a"}) {
    EXPECT_EQ(code(wrong), ErrorCode::kInvalidArgument) << wrong;
  }
  for (const char* local :
       {"http://127.0.0.1/a", "http://127.8.9.1:80/", "http://0.0.0.0/",
        "http://localhost/", "http://LOCALHOST:1/", "http://x.localhost/",
        "http://169.254.169.254/latest/meta-data", "http://[fe80::1]/",
        "http://[::1]/", "http://[::ffff:169.254.169.254]/",
        "http://metadata.google.internal/"}) {
    EXPECT_EQ(code(local), ErrorCode::kPermissionDenied) << local;
  }
}

TEST(UnpackRequestTest, Formats) {
  EXPECT_EQ(ParseArchiveFormat(""), ArchiveFormat::kAny);
  EXPECT_EQ(ParseArchiveFormat("application/x-tar"), ArchiveFormat::kTar);
  EXPECT_EQ(ParseArchiveFormat("TGZ"), ArchiveFormat::kTar);
  EXPECT_EQ(ParseArchiveFormat("application/zip"), ArchiveFormat::kZip);
  EXPECT_EQ(ParseArchiveFormat("7z"), ArchiveFormat::kSevenZip);
  EXPECT_EQ(ParseArchiveFormat("rar"), std::nullopt);
}

TEST(UnpackRequestTest, EachContentHasItsVersion) {
  const auto version = [](std::string_view url, bool extract,
                          std::string_view sha256) {
    return ArchiveVersion(url, ArchiveFormat::kAny, extract, sha256);
  };
  const std::string one = version("http://h/a", true, "");
  EXPECT_EQ(one.size(), 16u);
  EXPECT_EQ(version("http://h/a", true, ""), one);
  EXPECT_NE(version("http://h/b", true, ""), one);
  EXPECT_NE(version("http://h/a", false, ""), one);
  EXPECT_NE(version("http://h/a", true, "00"), one);
  EXPECT_EQ(ArchiveRoot("x/", "uid"), "x/uid/");
  EXPECT_EQ(ArchiveRootOf("x/uid/" + one + "/"), "x/uid/");
  EXPECT_EQ(ArchiveRootOf("uid/v/"), "uid/");
}

TEST(UnpackRequestTest, Digests) {
  EXPECT_EQ(*ParseSha256(std::string(64, 'A')), std::string(64, 'a'));
  EXPECT_FALSE(ParseSha256(std::string(63, 'a')).ok());
  EXPECT_FALSE(ParseSha256(std::string(64, 'g')).ok());
}

}  // namespace
}  // namespace datashim::dataset
