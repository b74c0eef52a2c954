#include "s3/xml.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace datashim::s3 {
namespace {

using ::testing::HasSubstr;

constexpr char kPage[] = R"(<?xml version="1.0" encoding="UTF-8"?>
<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
  <Name>b</Name><Prefix>p%2F</Prefix><KeyCount>2</KeyCount>
  <EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>
  <NextContinuationToken>tok/en==</NextContinuationToken>
  <Contents><Key>p/a+b%2B%C3%A9%00</Key>
    <LastModified>2013-05-24T01:02:03.456Z</LastModified>
    <ETag>&quot;e1&quot;</ETag><Size>5000000000</Size>
    <StorageClass>STANDARD</StorageClass></Contents>
  <CommonPrefixes><Prefix>p/d+e/</Prefix></CommonPrefixes>
</ListBucketResult>)";

TEST(ParseListPageTest, TakesAllOfAPage) {
  const auto page = ParseListPage(kPage);
  ASSERT_TRUE(page.ok()) << page.error().message;
  ASSERT_EQ(page->objects.size(), 1u);
  const store::ObjectInfo& object = page->objects[0];
  EXPECT_EQ(object.key, std::string("p/a b+\xc3\xa9\0", 9));
  EXPECT_EQ(object.etag, "\"e1\"");
  EXPECT_EQ(object.size, 5'000'000'000u);
  EXPECT_EQ(object.modified, WallTime(std::chrono::seconds(1369357323)));
  EXPECT_EQ(page->prefixes, std::vector<std::string>{"p/d e/"});
  EXPECT_EQ(page->continuation, "tok/en==");
}

TEST(ParseListPageTest, WithoutEncodingKeysAreTakenAsTheyAre) {
  const auto page = ParseListPage(
      "<ListBucketResult><IsTruncated>false</IsTruncated>"
      "<Contents><Key>a+%41&amp;</Key><LastModified>2013-05-24T00:00:00Z"
      "</LastModified><ETag>e</ETag><Size>0</Size></Contents>"
      "</ListBucketResult>");
  ASSERT_TRUE(page.ok()) << page.error().message;
  EXPECT_EQ(page->objects[0].key, "a+%41&");
  EXPECT_EQ(page->continuation, "");
}

std::string Page(const std::string& inside) {
  return "<ListBucketResult><EncodingType>url</EncodingType>" + inside +
         "</ListBucketResult>";
}

std::string Object(const std::string& key, const std::string& size,
                   const std::string& time, const std::string& etag) {
  return Page("<IsTruncated>false</IsTruncated><Contents><Key>" + key +
              "</Key><LastModified>" + time + "</LastModified><ETag>" + etag +
              "</ETag><Size>" + size + "</Size></Contents>");
}

TEST(ParseListPageTest, RefusesWhatIsMissingOrWrong) {
  const std::string time = "2013-05-24T00:00:00Z";
  const std::pair<std::string, const char*> bad[] = {
      {"", "XML"},
      {"<html><body>It works!</body></html>", "ListBucketResult"},
      {"<ListBucketResult><IsTruncated>", "XML"},
      {Page(""), "IsTruncated"},
      {Page("<IsTruncated>true</IsTruncated>"), "NextContinuationToken"},
      {Page("<IsTruncated>false</IsTruncated><CommonPrefixes/>"), "prefix"},
      {Object("", "1", time, "e"), "key"},
      {Object("a%", "1", time, "e"), "encoded"},
      {Object("a%4", "1", time, "e"), "encoded"},
      {Object("a%zz", "1", time, "e"), "encoded"},
      {Object("k", "", time, "e"), "size"},
      {Object("k", "-1", time, "e"), "size"},
      {Object("k", "9223372036854775808", time, "e"), "size"},
      {Object("k", "1", "yesterday", "e"), "time"},
      {Object("k", "1", time, ""), "ETag"}};
  for (const auto& [xml, why] : bad) {
    const auto page = ParseListPage(xml);
    ASSERT_FALSE(page.ok()) << xml;
    EXPECT_EQ(page.error().code, ErrorCode::kDataLoss);
    EXPECT_THAT(page.error().message, HasSubstr(why)) << xml;
  }
}

TEST(ParseListPageTest, DeepAndSelfExpandingXmlDoesNoHarm) {
  std::string deep;
  for (int i = 0; i < 200'000; ++i) deep += "<a>";
  EXPECT_FALSE(ParseListPage(deep).ok());
  std::string closed = deep;
  for (int i = 0; i < 200'000; ++i) closed += "</a>";
  EXPECT_FALSE(ParseListPage(closed).ok());
  const auto page = ParseListPage(
      "<!DOCTYPE x [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;&a;\">]>"
      "<ListBucketResult><IsTruncated>false</IsTruncated><Contents>"
      "<Key>&b;</Key><LastModified>2013-05-24T00:00:00Z</LastModified>"
      "<ETag>e</ETag><Size>0</Size></Contents></ListBucketResult>");
  ASSERT_TRUE(page.ok()) << page.error().message;
  EXPECT_EQ(page->objects[0].key, "&b;");
}

TEST(ParseVersionPageTest, TakesAllKindsOfLists) {
  const auto versions = ParseVersionPage(
      "<ListVersionsResult><EncodingType>url</EncodingType>"
      "<Version><Key>a%20b</Key><VersionId>v1</VersionId></Version>"
      "<DeleteMarker><Key>c</Key><VersionId>v2</VersionId></DeleteMarker>"
      "<IsTruncated>true</IsTruncated></ListVersionsResult>");
  ASSERT_TRUE(versions.ok()) << versions.error().message;
  EXPECT_EQ(versions->entries,
            (std::vector<ObjectVersion>{{"a b", "v1"}, {"c", "v2"}}));
  const auto uploads = ParseVersionPage(
      "<ListMultipartUploadsResult><Upload><Key>k</Key><UploadId>u</UploadId>"
      "</Upload></ListMultipartUploadsResult>");
  ASSERT_TRUE(uploads.ok()) << uploads.error().message;
  EXPECT_EQ(uploads->entries, (std::vector<ObjectVersion>{{"k", "u"}}));
  const auto objects = ParseVersionPage(
      "<ListBucketResult><Contents><Key>k</Key></Contents></ListBucketResult>");
  ASSERT_TRUE(objects.ok()) << objects.error().message;
  EXPECT_EQ(objects->entries, (std::vector<ObjectVersion>{{"k", ""}}));
}

TEST(ParseVersionPageTest, RefusesWhatIsMissingOrWrong) {
  for (const char* xml :
       {"", "<Error/>", "<ListVersionsResult><Version/></ListVersionsResult>",
        "<ListMultipartUploadsResult><Upload><Key>k</Key></Upload>"
        "</ListMultipartUploadsResult>",
        "<ListVersionsResult><EncodingType>url</EncodingType><Version>"
        "<Key>%G</Key></Version></ListVersionsResult>"}) {
    EXPECT_EQ(ParseVersionPage(xml).error().code, ErrorCode::kDataLoss) << xml;
  }
}

TEST(DeleteTest, RequestAndAnswer) {
  EXPECT_EQ(FormatDelete({{"a<b", "v"}, {"c", ""}}),
            "<Delete><Quiet>true</Quiet><Object><Key>a&lt;b</Key>"
            "<VersionId>v</VersionId></Object><Object><Key>c</Key></Object>"
            "</Delete>");
  EXPECT_TRUE(ParseDeleteErrors("<DeleteResult/>").value().empty());
  const auto errors = ParseDeleteErrors(
      "<DeleteResult><Deleted><Key>a</Key></Deleted><Error><Key>b</Key>"
      "<Code>AccessDenied</Code><Message>No\n</Message></Error>"
      "</DeleteResult>");
  ASSERT_TRUE(errors.ok());
  ASSERT_EQ(errors->size(), 1u);
  EXPECT_EQ(errors->front().key, "b");
  EXPECT_EQ(errors->front().body.code, "AccessDenied");
  EXPECT_EQ(errors->front().body.message, "No?");
  EXPECT_FALSE(ParseDeleteErrors("<Other/>").ok());
}

TEST(TagTest, RequestAndAnswer) {
  EXPECT_EQ(FormatTag("k", "v&w"),
            "<Tagging><TagSet><Tag><Key>k</Key><Value>v&amp;w</Value></Tag>"
            "</TagSet></Tagging>");
  const std::string xml = FormatTag("k", "v&w");
  EXPECT_EQ(ParseTag(xml, "k").value(), "v&w");
  EXPECT_EQ(ParseTag(xml, "other").value(), "");
  EXPECT_FALSE(ParseTag("<Error/>", "k").ok());
}

TEST(ParseErrorTest, TakesCodeMessageAndRegion) {
  const auto error = ParseError(
      "<?xml version=\"1.0\"?>\n<Error><Code>AuthorizationHeaderMalformed"
      "</Code><Message>expecting &apos;eu-west-1&apos;\n</Message>"
      "<Region>eu-west-1</Region></Error>");
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code, "AuthorizationHeaderMalformed");
  EXPECT_EQ(error->message, "expecting 'eu-west-1'?");
  EXPECT_EQ(error->region, "eu-west-1");
}

TEST(ParseErrorTest, BoundsWhatItTakes) {
  const auto error = ParseError("<Error><Code>X</Code><Message>" +
                                std::string(5000, 'm') + "</Message></Error>");
  ASSERT_TRUE(error);
  EXPECT_EQ(error->message.size(), 256u);
  for (const std::string& xml :
       {std::string(), std::string("<html/>"), std::string("<Error/>"),
        std::string("<Error><Code>a b</Code></Error>"),
        "<Error><Code>" + std::string(65, 'c') + "</Code></Error>"}) {
    EXPECT_FALSE(ParseError(xml)) << xml;
  }
}

TEST(UploadXmlTest, IdsAndTagsAreRead) {
  EXPECT_EQ(*ParseUploadId("<InitiateMultipartUploadResult><UploadId>a&lt;b"
                           "</UploadId></InitiateMultipartUploadResult>"),
            "a<b");
  EXPECT_FALSE(ParseUploadId("<InitiateMultipartUploadResult/>").ok());
  const auto written = ParseWritten(
      "   \n<?xml version=\"1.0\"?><CopyObjectResult><LastModified>"
      "2013-05-24T00:00:00.000Z</LastModified><ETag>\"e\"</ETag>"
      "</CopyObjectResult>");
  ASSERT_TRUE(written.ok()) << written.error().message;
  EXPECT_EQ(written->etag, "\"e\"");
  EXPECT_EQ(written->modified, WallTime(std::chrono::seconds(1369353600)));
  EXPECT_FALSE(ParseWritten("<CopyObjectResult/>").ok());
}

TEST(UploadXmlTest, RequestsAreWritten) {
  EXPECT_EQ(FormatCompleteUpload({{1, "\"a\""}, {10000, "<b>"}}),
            "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber>"
            "<ETag>\"a\"</ETag></Part><Part><PartNumber>10000</PartNumber>"
            "<ETag>&lt;b&gt;</ETag></Part></CompleteMultipartUpload>");
  EXPECT_EQ(FormatCreateBucket("eu-west-1"),
            "<CreateBucketConfiguration><LocationConstraint>eu-west-1"
            "</LocationConstraint></CreateBucketConfiguration>");
}

}  // namespace
}  // namespace datashim::s3
