#include "net/http_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <latch>
#include <string>
#include <vector>

#include "net/testing/client_calls.h"
#include "net/testing/scripted_server.h"

namespace datashim::net {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(HttpClientTest, SendsTheRequestAsGiven) {
  std::string seen;
  ScriptedServer server([&](ScriptedConnection& connection, int) {
    seen = connection.ReadRequest();
    connection.Send("HTTP/1.1 204 No Content\r\n\r\n");
  });
  auto client = MakeTestClient();
  HttpCall call = CallTo(server.port(), "PUT");
  call.headers = {{"X-A", "1"}, {"Accept", "*/*"}};
  call.body = "hello";
  const auto response = client->Fetch(call, kTestBodyBytesMax);
  ASSERT_TRUE(response.ok()) << response.error().message;
  EXPECT_EQ(response->status, 204);
  EXPECT_EQ(seen, "PUT /x?y=z HTTP/1.1\r\nHost: 127.0.0.1:" +
                      std::to_string(server.port()) +
                      "\r\nX-A: 1\r\nAccept: */*\r\nContent-Length: 5\r\n\r\n"
                      "hello");
}

struct Answer {
  const char* name;
  const char* method;
  std::string bytes;
  int status;
  std::string body;
};

class AnswerTest : public ::testing::TestWithParam<Answer> {};

TEST_P(AnswerTest, IsReadWhole) {
  ScriptedServer server(AnswerOnce(GetParam().bytes));
  auto client = MakeTestClient();
  const auto response = client->Fetch(CallTo(server.port(), GetParam().method),
                                      kTestBodyBytesMax);
  ASSERT_TRUE(response.ok()) << response.error().message;
  EXPECT_EQ(response->status, GetParam().status);
  EXPECT_EQ(response->body, GetParam().body);
}

const Answer kAnswers[] = {
    {"Length", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", 200,
     "abc"},
    {"Empty", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, ""},
    {"Chunks", "GET",
     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"
     "1;x=y\r\nd\r\n0\r\nTrailer: 1\r\n\r\n",
     200, "abcd"},
    {"UntilClose", "GET", "HTTP/1.1 200 OK\r\n\r\nabc", 200, "abc"},
    {"Http10", "GET", "HTTP/1.0 404 Not Found\r\n\r\ngone", 404, "gone"},
    {"Head", "HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n", 200, ""},
    {"NotModified", "GET",
     "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", 304, ""},
    {"Interim", "PUT",
     "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
     "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
     200, "ok"},
    {"LargerThanTheBuffer", "GET",
     "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" +
         std::string(1'000'000, 'x'),
     200, std::string(1'000'000, 'x')},
    {"LargeHeader", "GET",
     "HTTP/1.1 200 OK\r\nX-Long: " + std::string(40'000, 'x') +
         "\r\nContent-Length: 1\r\n\r\na",
     200, "a"},
};
INSTANTIATE_TEST_SUITE_P(Framing, AnswerTest, ::testing::ValuesIn(kAnswers),
                         [](const auto& test) { return test.param.name; });

struct BadAnswer {
  const char* name;
  std::string bytes;
  ErrorCode code;
  const char* why;
};

class BadAnswerTest : public ::testing::TestWithParam<BadAnswer> {};

TEST_P(BadAnswerTest, IsAnErrorThatNamesTheServer) {
  ScriptedServer server(AnswerOnce(GetParam().bytes));
  auto client = MakeTestClient();
  const auto response = client->Fetch(CallTo(server.port()), kTestBodyBytesMax);
  ASSERT_FALSE(response.ok());
  EXPECT_EQ(response.error().code, GetParam().code);
  EXPECT_THAT(response.error().message, StartsWith("http://127.0.0.1:"));
  EXPECT_THAT(response.error().message, HasSubstr(GetParam().why));
}

const BadAnswer kBadAnswers[] = {
    {"Nothing", "", ErrorCode::kUnavailable, "without an answer"},
    {"Garbage", "SSH-2.0-OpenSSH_9.2\r\n", ErrorCode::kUnavailable, "no HTTP"},
    {"HalfAHead", "HTTP/1.1 200 OK\r\nContent-", ErrorCode::kUnavailable,
     "closed"},
    {"Truncated", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc",
     ErrorCode::kUnavailable, "6 bytes before the end"},
    {"TruncatedChunk",
     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nabc",
     ErrorCode::kUnavailable, "before the last chunk"},
    {"BadChunk",
     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\nabc",
     ErrorCode::kUnavailable, "no HTTP"},
    {"TwoLengths",
     "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
     ErrorCode::kUnavailable, "no HTTP"},
    {"NegativeLength", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nab",
     ErrorCode::kUnavailable, "no HTTP"},
    {"HugeLength",
     "HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551615\r\n\r\n",
     ErrorCode::kDataLoss, "larger"},
    {"LengthAboveTheLimit",
     "HTTP/1.1 200 OK\r\nContent-Length: 1048577\r\n\r\n", ErrorCode::kDataLoss,
     "1048576"},
    {"ChunksAboveTheLimit",
     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n100001\r\n" +
         std::string(0x100001, 'x'),
     ErrorCode::kDataLoss, "1048576"},
    {"EndlessBody", "HTTP/1.1 200 OK\r\n\r\n" + std::string(0x100001, 'x'),
     ErrorCode::kDataLoss, "1048576"},
    {"HugeHeader",
     "HTTP/1.1 200 OK\r\nX: " + std::string(200'000, 'x') + "\r\n\r\n",
     ErrorCode::kUnavailable, ""},
    {"EndlessChunkHeader",
     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;" +
         std::string(500'000, 'x'),
     ErrorCode::kUnavailable, ""},
    {"EndlessInterim",
     [] {
       std::string text;
       for (int i = 0; i < 100; ++i) text += "HTTP/1.1 100 Continue\r\n\r\n";
       return text;
     }(),
     ErrorCode::kUnavailable, "informational"},
};
INSTANTIATE_TEST_SUITE_P(Hostile, BadAnswerTest,
                         ::testing::ValuesIn(kBadAnswers),
                         [](const auto& test) { return test.param.name; });

TEST(HttpClientTest, RefusesFieldsThatWouldSmuggle) {
  auto client = MakeTestClient();
  const auto code = [&](auto change) {
    HttpCall call = CallTo(1);
    change(call);
    const auto response = client->Fetch(call, kTestBodyBytesMax);
    return response.ok() ? ErrorCode::kUnknown : response.error().code;
  };
  const auto invalid = ErrorCode::kInvalidArgument;
  EXPECT_EQ(code([](auto& c) { c.headers.Add("X", "a\r\nY: b"); }), invalid);
  EXPECT_EQ(code([](auto& c) { c.headers.Add("X: y\r\nZ", "a"); }), invalid);
  EXPECT_EQ(code([](auto& c) { c.headers.Add("", "a"); }), invalid);
  EXPECT_EQ(code([](auto& c) { c.headers.Add("host", "a"); }), invalid);
  EXPECT_EQ(code([](auto& c) { c.headers.Add("Content-Length", "1"); }),
            invalid);
  EXPECT_EQ(code([](auto& c) { c.target = "/a b"; }), invalid);
  EXPECT_EQ(code([](auto& c) { c.target = "a"; }), invalid);
  EXPECT_EQ(code([](auto& c) { c.method = "GET /"; }), invalid);
}

TEST(HttpClientTest, ReusesAConnection) {
  ScriptedServer server(
      AnswerAlways("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
  auto client = MakeTestClient();
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(client->Fetch(CallTo(server.port()), kTestBodyBytesMax).ok());
  }
  EXPECT_EQ(server.connections(), 1);
}

TEST(HttpClientTest, DoesNotReuseWhatTheServerWillClose) {
  ScriptedServer server(AnswerAlways(
      "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"));
  auto client = MakeTestClient();
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(client->Fetch(CallTo(server.port()), kTestBodyBytesMax).ok());
  }
  EXPECT_EQ(server.connections(), 3);
}

TEST(HttpClientTest, DoesNotReuseAConnectionThatSaidTooMuch) {
  ScriptedServer server(AnswerAlways(
      "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nabHTTP/1.1 200"));
  auto client = MakeTestClient();
  for (int i = 0; i < 3; ++i) {
    const auto response =
        client->Fetch(CallTo(server.port()), kTestBodyBytesMax);
    ASSERT_TRUE(response.ok());
    EXPECT_EQ(response->body, "a");
  }
  EXPECT_EQ(server.connections(), 3);
}

// The server takes the second request of its first connection and closes
// without a word, as servers do that time out at that moment.
ScriptedServer::Script ClosesOnTheSecondRequest() {
  return [](ScriptedConnection& connection, int index) {
    while (!connection.ReadRequest().empty()) {
      connection.Send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
      if (index > 0) continue;
      connection.ReadRequest();
      connection.ResetOnClose();
      return;
    }
  };
}

TEST(HttpClientTest, SendsAgainWhenAnIdleConnectionWasClosed) {
  ScriptedServer server(ClosesOnTheSecondRequest());
  auto client = MakeTestClient();
  for (int i = 0; i < 3; ++i) {
    const auto response =
        client->Fetch(CallTo(server.port()), kTestBodyBytesMax);
    ASSERT_TRUE(response.ok()) << response.error().message;
  }
  EXPECT_EQ(server.connections(), 2);
}

TEST(HttpClientTest, DoesNotSendAgainWhatMustNotHappenTwice) {
  ScriptedServer server(ClosesOnTheSecondRequest());
  auto client = MakeTestClient();
  HttpCall call = CallTo(server.port(), "POST");
  call.replayable = false;
  ASSERT_TRUE(client->Fetch(call, kTestBodyBytesMax).ok());
  const auto response = client->Fetch(call, kTestBodyBytesMax);
  ASSERT_FALSE(response.ok());
  EXPECT_EQ(response.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(server.connections(), 1);
}

TEST(HttpClientTest, DoesNotRetryOnAFreshConnection) {
  ScriptedServer server(
      [](ScriptedConnection& connection, int) { connection.ReadRequest(); });
  auto client = MakeTestClient();
  EXPECT_FALSE(client->Fetch(CallTo(server.port()), kTestBodyBytesMax).ok());
  EXPECT_EQ(server.connections(), 1);
}

TEST(HttpClientTest, ReadsAnEarlyAnswerToABodyTheServerDoesNotTake) {
  ScriptedServer server([](ScriptedConnection& connection, int) {
    connection.Send("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
    connection.AwaitClose();
  });
  auto client = MakeTestClient();
  const std::string body(64u << 20, 'x');
  HttpCall call = CallTo(server.port(), "PUT");
  call.body = body;
  const auto response = client->Fetch(call, kTestBodyBytesMax);
  ASSERT_TRUE(response.ok()) << response.error().message;
  EXPECT_EQ(response->status, 403);
  EXPECT_EQ(response->body, "no");
}

TEST(HttpClientTest, SendsLargeBodies) {
  std::string seen;
  ScriptedServer server([&](ScriptedConnection& connection, int) {
    seen = connection.ReadRequest();
    connection.Send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  });
  auto client = MakeTestClient();
  std::string body(9'000'000, 'a');
  for (std::size_t i = 0; i < body.size(); ++i) {
    body[i] = static_cast<char>('a' + i % 23);
  }
  HttpCall call = CallTo(server.port(), "PUT");
  call.body = body;
  ASSERT_TRUE(client->Fetch(call, kTestBodyBytesMax).ok());
  ASSERT_GT(seen.size(), body.size());
  EXPECT_TRUE(seen.ends_with(body));
}

TEST(FetchIntoTest, PutsTheBodyIntoTheCallersMemory) {
  std::string body(3'000'000, 'a');
  for (std::size_t i = 0; i < body.size(); ++i) {
    body[i] = static_cast<char>(i * 7 >> 3);
  }
  ScriptedServer server(
      AnswerAlways("HTTP/1.1 206 Partial Content\r\nETag: \"e\"\r\n"
                   "Content-Length: 3000000\r\n\r\n" +
                   body));
  auto client = MakeTestClient();
  std::vector<std::byte> out(body.size() + 10);
  for (int i = 0; i < 3; ++i) {
    std::ranges::fill(out, std::byte{0});
    const auto response = client->FetchInto(CallTo(server.port()), out);
    ASSERT_TRUE(response.ok()) << response.error().message;
    EXPECT_EQ(response->status, 206);
    EXPECT_EQ(response->headers.Get("etag"), "\"e\"");
    ASSERT_EQ(response->body_bytes, body.size());
    EXPECT_EQ(std::memcmp(out.data(), body.data(), body.size()), 0);
  }
  EXPECT_EQ(server.connections(), 1);
}

TEST(FetchIntoTest, RefusesMoreThanFits) {
  for (const char* framing :
       {"Content-Length: 4\r\n\r\nabcd",
        "Transfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\n\r\n",
        "\r\nabcd"}) {
    ScriptedServer server(
        AnswerOnce("HTTP/1.1 200 OK\r\n" + std::string(framing)));
    auto client = MakeTestClient();
    std::vector<std::byte> out(3);
    const auto response = client->FetchInto(CallTo(server.port()), out);
    ASSERT_FALSE(response.ok());
    EXPECT_EQ(response.error().code, ErrorCode::kDataLoss);
  }
}

TEST(FetchIntoTest, KeepsErrorsOutOfTheCallersMemory) {
  const std::string large(kErrorBodyBytesMax + 1, 'x');
  ScriptedServer server([&](ScriptedConnection& connection, int index) {
    connection.ReadRequest();
    connection.Send(index == 0
                        ? "HTTP/1.1 404 No\r\nContent-Length: 3\r\n\r\nabc"
                        : "HTTP/1.1 500 No\r\nContent-Length: 65537\r\n\r\n" +
                              large);
  });
  auto client = MakeTestClient();
  std::vector<std::byte> out(3);
  auto response = client->FetchInto(CallTo(server.port()), out);
  ASSERT_TRUE(response.ok());
  EXPECT_EQ(response->status, 404);
  EXPECT_EQ(response->body_bytes, 0u);
  EXPECT_EQ(response->error_body, "abc");
  EXPECT_EQ(out[0], std::byte{0});

  response = client->FetchInto(CallTo(server.port()), out);
  ASSERT_TRUE(response.ok()) << response.error().message;
  EXPECT_EQ(response->error_body.size(), kErrorBodyBytesMax);
}

TEST(FetchStreamTest, DeliversChunksAsTheyCome) {
  std::latch first_seen(1);
  ScriptedServer server([&](ScriptedConnection& connection, int) {
    connection.ReadRequest();
    connection.Send(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n");
    first_seen.wait();
    connection.Send("3\r\ntwo\r\n0\r\n\r\n");
  });
  auto client = MakeTestClient();
  std::vector<std::string> chunks;
  const auto response =
      client->FetchStream(CallTo(server.port()), [&](std::string_view chunk) {
        chunks.emplace_back(chunk);
        if (chunks.size() == 1) first_seen.count_down();
        return true;
      });
  ASSERT_TRUE(response.ok()) << response.error().message;
  EXPECT_EQ(chunks, (std::vector<std::string>{"one", "two"}));
}

TEST(FetchStreamTest, EndsWhenTheReceiverWantsNoMore) {
  ScriptedServer server([&](ScriptedConnection& connection, int) {
    connection.ReadRequest();
    connection.Send(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n");
    connection.AwaitClose();
  });
  auto client = MakeTestClient();
  const auto response = client->FetchStream(
      CallTo(server.port()), [](std::string_view) { return false; });
  ASSERT_FALSE(response.ok());
  EXPECT_EQ(response.error().code, ErrorCode::kCancelled);
}

}  // namespace
}  // namespace datashim::net
