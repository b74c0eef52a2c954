// The client against a server that answers what S3 would not, or only rarely.

#include "s3/client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "base/strings.h"
#include "net/testing/scripted_server.h"
#include "s3/object_store.h"

namespace datashim::s3 {
namespace {

using net::ScriptedConnection;
using net::ScriptedServer;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

std::string Http(const std::string& status, const std::string& fields,
                 const std::string& body) {
  return "HTTP/1.1 " + status + "\r\n" + fields +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

std::string ErrorXml(const std::string& code, const std::string& more = "") {
  return "<Error><Code>" + code + "</Code><Message>m</Message>" + more +
         "</Error>";
}

const std::string kEmptyList =
    Http("200 OK", "",
         "<ListBucketResult><IsTruncated>false</IsTruncated>"
         "</ListBucketResult>");

// The machine's time, but sleeps are only noted.
class SleeplessClock final : public Clock {
 public:
  MonotonicTime Now() const override { return SystemClock().Now(); }
  WallTime WallNow() const override { return SystemClock().WallNow(); }
  bool SleepFor(Duration duration, std::stop_token) override {
    sleeps.push_back(duration);
    return true;
  }
  std::vector<Duration> sleeps;
};

// Answers the n-th request with the n-th answer, and the last for ever; keeps
// the requests.
class S3ClientTest : public ::testing::Test {
 protected:
  void Answer(std::vector<std::string> answers) {
    server_ = std::make_unique<ScriptedServer>(
        [this, answers = std::move(answers)](ScriptedConnection& connection,
                                             int) {
          while (true) {
            const std::string request = connection.ReadRequest();
            if (request.empty()) return;
            std::lock_guard lock(mutex_);
            requests_.push_back(request);
            const std::size_t n = std::min(requests_.size(), answers.size());
            connection.Send(answers[n - 1]);
            if (answers[n - 1].find("Connection: close") != std::string::npos) {
              return;
            }
          }
        });
    config_.endpoint = "http://127.0.0.1:" + std::to_string(server_->port());
  }

  std::shared_ptr<S3Client> Client(Credentials keys) {
    auto client = S3Client::Make(
        config_, std::make_shared<UpdatableCredentials>(std::move(keys)),
        clock_);
    DS_CHECK(client.ok());
    return std::move(client).value();
  }
  std::shared_ptr<S3Client> Client() {
    return Client({SecretString("AKID"), SecretString("hunter2"), {}});
  }
  std::shared_ptr<store::ObjectStore> Store() {
    return *MakeObjectStore(Client(), "bucket", "p/");
  }

  std::vector<std::string> requests() {
    std::lock_guard lock(mutex_);
    return requests_;
  }
  static Deadline Soon() { return Deadline::After(seconds(10)); }

  Result<std::string> Get(store::ByteRange range, const std::string& etag) {
    std::string out(range.size, '?');
    auto bytes = std::as_writable_bytes(std::span(out.data(), out.size()));
    DS_ASSIGN_OR_RETURN(const std::size_t size,
                        Store()->Get("k", etag, range, bytes, Soon()));
    out.resize(size);
    return out;
  }

  S3Config config_;
  SleeplessClock clock_;
  std::unique_ptr<ScriptedServer> server_;

 private:
  std::mutex mutex_;
  std::vector<std::string> requests_;
};

TEST_F(S3ClientTest, RequestsAreSignedAndHoldNoSecret) {
  Answer({kEmptyList});
  const Credentials keys = {SecretString("AKID"), SecretString("hunter2"),
                            SecretString("the-token")};
  ASSERT_TRUE(Client(keys)->ProbeBucket("bucket", "a b/", Soon()).ok());
  EXPECT_THAT(
      requests()[0],
      AllOf(HasSubstr("GET /bucket?list-type=2&max-keys=1&prefix=a%20b%2F "),
            HasSubstr("Authorization: AWS4-HMAC-SHA256 Credential=AKID/"),
            HasSubstr("SignedHeaders=host;x-amz-content-sha256;x-amz-date;"
                      "x-amz-security-token,"),
            HasSubstr("x-amz-security-token: the-token"),
            Not(HasSubstr("hunter2"))));
}

TEST_F(S3ClientTest, WithoutKeysNothingIsSigned) {
  Answer({kEmptyList});
  ASSERT_TRUE(Client({})->ProbeBucket("bucket", "", Soon()).ok());
  EXPECT_THAT(requests()[0], Not(HasSubstr("Authorization")));
  EXPECT_THAT(requests()[0], Not(HasSubstr("x-amz-")));
}

TEST_F(S3ClientTest, SmallBodiesAreHashedOverHttpAndLargeOnesNot) {
  Answer({Http("200 OK", "ETag: \"e\"\r\n", "")});
  const std::string small = "Welcome to Amazon S3.";
  const std::string large((1u << 20) + 1, 'x');
  auto store = Store();
  const auto put = [&](const std::string& text) {
    return store->Put("k", std::as_bytes(std::span(text)), {}, Soon()).ok();
  };
  ASSERT_TRUE(put(small));
  ASSERT_TRUE(put(large));
  EXPECT_THAT(requests()[0],
              HasSubstr("44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8"
                        "b803f8b072"));
  EXPECT_THAT(requests()[1].substr(0, 2000), HasSubstr("UNSIGNED-PAYLOAD"));
}

TEST_F(S3ClientTest, TheRegionIsLearnedFromTheAnswerAndKept) {
  Answer({Http("400 Bad Request", "",
               ErrorXml("AuthorizationHeaderMalformed",
                        "<Region>eu-west-7</Region>")),
          kEmptyList});
  auto client = Client();
  ASSERT_TRUE(client->ProbeBucket("bucket", "", Soon()).ok());
  ASSERT_TRUE(client->ProbeBucket("bucket", "", Soon()).ok());
  ASSERT_EQ(requests().size(), 3u);
  EXPECT_THAT(requests()[0], HasSubstr("/us-east-1/s3/aws4_request"));
  EXPECT_THAT(requests()[1], HasSubstr("/eu-west-7/s3/aws4_request"));
  EXPECT_THAT(requests()[2], HasSubstr("/eu-west-7/s3/aws4_request"));
  EXPECT_TRUE(clock_.sleeps.empty());
}

TEST_F(S3ClientTest, TheRegionIsLearnedFromAHeadAnswer) {
  Answer(
      {"HTTP/1.1 301 Moved\r\nx-amz-bucket-region: eu-west-7\r\n"
       "Content-Length: 0\r\n\r\n",
       Http("200 OK",
            "ETag: \"e\"\r\n"
            "Last-Modified: Fri, 24 May 2013 00:00:00 GMT\r\n",
            "")});
  EXPECT_TRUE(Store()->Head("k", Soon()).ok());
  EXPECT_THAT(requests()[1], HasSubstr("/eu-west-7/s3/"));
}

TEST_F(S3ClientTest, ServersThatSendRegionsInCirclesAreLeft) {
  Answer({Http("301 Moved", "x-amz-bucket-region: a\r\n", ""),
          Http("301 Moved", "x-amz-bucket-region: b\r\n", "")});
  const Status status = Client()->ProbeBucket("bucket", "", Soon());
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(status.error().message, HasSubstr("region"));
  EXPECT_EQ(requests().size(), 2u);
}

TEST_F(S3ClientTest, RedirectsAreNotFollowed) {
  Answer({Http("302 Found", "Location: http://127.0.0.1:1/secret\r\n", "")});
  const Status status = Client()->ProbeBucket("bucket", "", Soon());
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(requests().size(), 1u);
}

TEST_F(S3ClientTest, AWrongClockIsAdjustedOnce) {
  Answer({Http("403 Forbidden", "Date: Fri, 24 May 2013 00:00:00 GMT\r\n",
               ErrorXml("RequestTimeTooSkewed")),
          kEmptyList});
  auto client = Client();
  ASSERT_TRUE(client->ProbeBucket("bucket", "", Soon()).ok());
  EXPECT_THAT(requests()[1], HasSubstr("x-amz-date: 20130524T0000"));
  ASSERT_TRUE(client->ProbeBucket("bucket", "", Soon()).ok());
  EXPECT_THAT(requests()[2], HasSubstr("x-amz-date: 20130524T0000"));
}

TEST_F(S3ClientTest, AClockThatStaysWrongIsReported) {
  Answer({Http("403 Forbidden", "", ErrorXml("RequestTimeTooSkewed"))});
  const Status status = Client()->ProbeBucket("bucket", "", Soon());
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, ErrorCode::kUnauthenticated);
  EXPECT_THAT(status.error().message, HasSubstr("clock"));
  EXPECT_EQ(requests().size(), 1u);
}

TEST_F(S3ClientTest, BusyServersAreAskedAgain) {
  Answer({Http("503 Slow Down", "", ErrorXml("SlowDown")),
          Http("500 Error", "", "not even XML"),
          "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 99\r\n\r\nx",
          kEmptyList});
  EXPECT_TRUE(Client()->ProbeBucket("bucket", "", Soon()).ok());
  EXPECT_EQ(requests().size(), 4u);
  EXPECT_EQ(clock_.sleeps.size(), 3u);
}

TEST_F(S3ClientTest, AttemptsEnd) {
  Answer({Http("503 Slow Down", "", ErrorXml("SlowDown"))});
  const Status status = Client()->ProbeBucket("bucket", "", Soon());
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(status.error().message, HasSubstr("after 5 attempts"));
  EXPECT_EQ(requests().size(), 5u);
}

TEST_F(S3ClientTest, RetryAfterIsKept) {
  Answer({Http("503 Slow Down", "Retry-After: 7\r\n", ""), kEmptyList});
  EXPECT_TRUE(Client()->ProbeBucket("bucket", "", Soon()).ok());
  ASSERT_EQ(clock_.sleeps.size(), 1u);
  EXPECT_EQ(clock_.sleeps[0], seconds(7));
}

TEST_F(S3ClientTest, AWaitBeyondTheDeadlineIsNotBegun) {
  Answer({Http("503 Slow Down", "Retry-After: 50\r\n", "")});
  const Status status = Client()->ProbeBucket("bucket", "", Soon());
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(requests().size(), 1u);
  EXPECT_TRUE(clock_.sleeps.empty());
}

TEST_F(S3ClientTest, AProbeOfASilentServerEndsInTime) {
  ScriptedServer silent(
      [](ScriptedConnection& connection, int) { connection.AwaitClose(); });
  config_.endpoint = "http://127.0.0.1:" + std::to_string(silent.port());
  const Status status =
      Client()->ProbeBucket("bucket", "", Deadline::After(milliseconds(200)));
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(status.error().message, HasSubstr(config_.endpoint));
}

TEST_F(S3ClientTest, SomethingThatIsNoS3IsTold) {
  Answer({Http("200 OK", "", "<html><body>It works!</body></html>")});
  const Status status = Client()->ProbeBucket("bucket", "", Soon());
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, ErrorCode::kDataLoss);
  EXPECT_THAT(status.error().message,
              AllOf(HasSubstr("not what S3 sends"), HasSubstr("bucket")));
}

TEST_F(S3ClientTest, StopEndsCalls) {
  Answer({kEmptyList});
  auto client = Client();
  client->RequestStop();
  const Status status = client->ProbeBucket("bucket", "", Soon());
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, ErrorCode::kCancelled);
}

// Gets of "bytes 2-5" that a server gets wrong.
struct BadRange {
  const char* name;
  std::string answer;
  ErrorCode code;
};

class BadRangeTest : public S3ClientTest,
                     public ::testing::WithParamInterface<BadRange> {};

TEST_P(BadRangeTest, IsRefused) {
  Answer({GetParam().answer});
  const auto text = Get({2, 4}, "\"e\"");
  ASSERT_FALSE(text.ok()) << *text;
  EXPECT_EQ(text.error().code, GetParam().code);
  EXPECT_THAT(text.error().message, HasSubstr("\"p/k\""));
}

std::string Partial(const std::string& range, const std::string& body,
                    const std::string& etag = "\"e\"") {
  return Http("206 Partial Content",
              "ETag: " + etag + "\r\nContent-Range: " + range + "\r\n", body);
}

const BadRange kBadRanges[] = {
    {"TheWholeObject", Http("200 OK", "ETag: \"e\"\r\n", "0123"),
     ErrorCode::kDataLoss},
    {"ALargeObject", Http("200 OK", "ETag: \"e\"\r\n", "0123456789"),
     ErrorCode::kDataLoss},
    {"AnotherOffset", Partial("bytes 3-6/10", "3456"), ErrorCode::kDataLoss},
    {"AnotherLength", Partial("bytes 2-5/10", "234"), ErrorCode::kDataLoss},
    {"LessThanThereIs", Partial("bytes 2-4/10", "234"), ErrorCode::kDataLoss},
    {"MoreThanAsked", Partial("bytes 2-6/10", "23456"), ErrorCode::kDataLoss},
    {"Nonsense", Partial("bytes 5-2/10", "2345"), ErrorCode::kDataLoss},
    {"AnotherVersion", Partial("bytes 2-5/10", "2345", "\"f\""),
     ErrorCode::kFailedPrecondition},
};
INSTANTIATE_TEST_SUITE_P(Hostile, BadRangeTest, ::testing::ValuesIn(kBadRanges),
                         [](const auto& test) { return test.param.name; });

TEST_F(S3ClientTest, ATruncatedBodyIsFetchedAgain) {
  Answer(
      {"HTTP/1.1 206 Partial Content\r\nETag: \"e\"\r\nConnection: close\r\n"
       "Content-Range: bytes 2-5/10\r\nContent-Length: 4\r\n\r\n23",
       Partial("bytes 2-5/10", "2345")});
  const auto text = Get({2, 4}, "\"e\"");
  ASSERT_TRUE(text.ok()) << text.error().message;
  EXPECT_EQ(*text, "2345");
}

TEST_F(S3ClientTest, ListingsHideWhatIsNotBelowThePrefix) {
  const auto object = [](const std::string& key) {
    return "<Contents><Key>" + key +
           "</Key><LastModified>2013-05-24T00:00:00Z</LastModified>"
           "<ETag>e</ETag><Size>1</Size></Contents>";
  };
  Answer({Http("200 OK", "",
               "<ListBucketResult><IsTruncated>false</IsTruncated>" +
                   object("p/z") + object("p/a") + object("p/") +
                   object("other/a") + object("p") +
                   "<CommonPrefixes><Prefix>q/</Prefix></CommonPrefixes>"
                   "<CommonPrefixes><Prefix>p/d/</Prefix></CommonPrefixes>"
                   "</ListBucketResult>")});
  const auto page = Store()->List({.delimiter = "/"}, Soon());
  ASSERT_TRUE(page.ok()) << page.error().message;
  ASSERT_EQ(page->objects.size(), 2u);
  EXPECT_EQ(page->objects[0].key, "a");
  EXPECT_EQ(page->objects[1].key, "z");
  EXPECT_EQ(page->prefixes, std::vector<std::string>{"d/"});
}

TEST_F(S3ClientTest, AListingThatDoesNotGetOnIsAnError) {
  Answer({Http("200 OK", "",
               "<ListBucketResult><IsTruncated>true</IsTruncated>"
               "<NextContinuationToken>t</NextContinuationToken>"
               "</ListBucketResult>")});
  const auto page = Store()->List({.continuation = "t"}, Soon());
  ASSERT_FALSE(page.ok());
  EXPECT_EQ(page.error().code, ErrorCode::kDataLoss);
}

TEST_F(S3ClientTest, AnErrorWithinASuccessIsAnError) {
  Answer({Http("200 OK", "", ErrorXml("InternalError")),
          Http("200 OK", "", ErrorXml("InvalidPart")),
          Http("404 Not Found", "", "")});
  const auto made =
      Store()->CompleteUpload("k", "id", {{1, "\"e\""}}, {}, Soon());
  ASSERT_FALSE(made.ok());
  EXPECT_THAT(made.error().message, HasSubstr("InvalidPart"));
  EXPECT_EQ(requests().size(), 2u);  // The first was tried again.
}

TEST_F(S3ClientTest, AnUploadWhoseAnswerWasLostIsRecognised) {
  // The ETag of one part without bytes.
  Answer({Http("503 Slow Down", "", ""),
          Http("404 Not Found", "", ErrorXml("NoSuchUpload")),
          Http("200 OK",
               "ETag: \"59adb24ef3cdbe0297f05b395827453f-1\"\r\n"
               "Last-Modified: Fri, 24 May 2013 00:00:00 GMT\r\n",
               "")});
  const auto made = Store()->CompleteUpload(
      "k", "id", {{1, "\"d41d8cd98f00b204e9800998ecf8427e\""}}, {}, Soon());
  EXPECT_TRUE(made.ok()) << made.error().message;
}

TEST_F(S3ClientTest, APutThatMustMakeTheObjectIsNotSentTwice) {
  Answer({"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 9\r\n\r\n"});
  const auto put = Store()->Put("k", {}, {.if_none_match = true}, Soon());
  ASSERT_FALSE(put.ok());
  EXPECT_EQ(put.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(requests().size(), 1u);
}

// Objects beyond 5 GiB do not fit into a test: the server claims one.
TEST_F(S3ClientTest, HugeObjectsAreCopiedByPart) {
  const std::string date = "Last-Modified: Fri, 24 May 2013 00:00:00 GMT\r\n";
  const std::string head = "HTTP/1.1 200 OK\r\nETag: \"e\"\r\n" + date +
                           "Content-Length: 6000000000\r\n\r\n";
  const std::string part =
      Http("200 OK", "", "<CopyPartResult><ETag>\"p\"</ETag></CopyPartResult>");
  std::vector<std::string> answers = {
      head, Http("200 OK", "",
                 "<InitiateMultipartUploadResult><UploadId>id</UploadId>"
                 "</InitiateMultipartUploadResult>")};
  answers.insert(answers.end(), 12, part);
  answers.push_back(Http("200 OK", "",
                         "<CompleteMultipartUploadResult><ETag>\"x-12\"</ETag>"
                         "</CompleteMultipartUploadResult>"));
  answers.push_back(head);
  Answer(answers);
  const auto copy = Store()->Copy("a b", "\"e\"", "k", Soon());
  ASSERT_TRUE(copy.ok()) << copy.error().message;
  EXPECT_EQ(copy->size, 6'000'000'000u);
  ASSERT_EQ(requests().size(), 16u);
  EXPECT_THAT(
      requests()[2],
      AllOf(HasSubstr("PUT /bucket/p/k?partNumber=1&uploadId=id "),
            HasSubstr("x-amz-copy-source: /bucket/p/a%20b\r\n"),
            HasSubstr("x-amz-copy-source-if-match: \"e\"\r\n"),
            HasSubstr("x-amz-copy-source-range: bytes=0-536870911\r\n")));
  EXPECT_THAT(requests()[13], HasSubstr("bytes=5905580032-5999999999\r\n"));
}

TEST_F(S3ClientTest, AFailedCopyByPartIsCleanedUp) {
  Answer(
      {"HTTP/1.1 200 OK\r\nETag: \"e\"\r\nLast-Modified: Fri, 24 May 2013 "
       "00:00:00 GMT\r\nContent-Length: 6000000000\r\n\r\n",
       Http("200 OK", "",
            "<InitiateMultipartUploadResult><UploadId>id</UploadId>"
            "</InitiateMultipartUploadResult>"),
       Http("412 Precondition Failed", "", ErrorXml("PreconditionFailed")),
       Http("204 No Content", "", "")});
  const auto copy = Store()->Copy("a", "", "k", Soon());
  ASSERT_FALSE(copy.ok());
  EXPECT_EQ(copy.error().code, ErrorCode::kFailedPrecondition);
  ASSERT_EQ(requests().size(), 4u);
  EXPECT_THAT(requests()[3], HasSubstr("DELETE /bucket/p/k?uploadId=id "));
}

TEST_F(S3ClientTest, BadEndpointsAreRefusedBeforeAnyCall) {
  config_.endpoint = "s3:9000";
  const auto client = S3Client::Make(
      config_, std::make_shared<UpdatableCredentials>(Credentials{}));
  ASSERT_FALSE(client.ok());
  EXPECT_EQ(client.error().code, ErrorCode::kInvalidArgument);
}

TEST_F(S3ClientTest, PrefixesEndWithASlash) {
  auto client = Client();
  EXPECT_TRUE(MakeObjectStore(client, "bucket", "").ok());
  EXPECT_TRUE(MakeObjectStore(client, "bucket", "a/b/").ok());
  EXPECT_FALSE(MakeObjectStore(client, "bucket", "a").ok());
  EXPECT_FALSE(MakeObjectStore(client, "bucket", "/").ok());
  EXPECT_FALSE(MakeObjectStore(client, "..", "").ok());
}

}  // namespace
}  // namespace datashim::s3
