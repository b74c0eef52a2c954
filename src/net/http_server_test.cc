#include "net/http_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <string>
#include <thread>
#include <vector>

#include "net/http_client.h"
#include "net/testing/certificates.h"
#include "net/testing/client_calls.h"
#include "net/testing/raw_client.h"

namespace datashim::net {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::StartsWith;

HttpResponse Echo(const HttpRequest& request) {
  return {200,
          {{"X-Method", request.method},
           {"X-Path", request.path},
           {"X-Query", request.query},
           {"X-Sent", std::string(request.headers.Get("x-sent"))}},
          request.body};
}

std::unique_ptr<HttpServer> StartServer(HttpServerOptions options = {},
                                        HttpHandler handler = Echo) {
  auto server = HttpServer::Start(std::move(options), std::move(handler));
  EXPECT_TRUE(server.ok()) << server.error().message;
  return std::move(server).value();
}

TEST(HttpServerTest, GivesTheRequestToTheHandlerAndTheAnswerBack) {
  auto server = StartServer();
  auto client = MakeTestClient();
  HttpCall call = CallTo(server->port(), "POST");
  call.target = "/a%20b/c?d=e&f";
  call.headers = {{"X-Sent", "yes"}};
  call.body = "some bytes";
  for (int i = 0; i < 3; ++i) {
    const auto response = client->Fetch(call, kTestBodyBytesMax);
    ASSERT_TRUE(response.ok()) << response.error().message;
    EXPECT_EQ(response->status, 200);
    EXPECT_EQ(response->headers.Get("X-Method"), "POST");
    EXPECT_EQ(response->headers.Get("X-Path"), "/a%20b/c");
    EXPECT_EQ(response->headers.Get("X-Query"), "d=e&f");
    EXPECT_EQ(response->headers.Get("X-Sent"), "yes");
    EXPECT_EQ(response->body, "some bytes");
  }
}

TEST(HttpServerTest, AnswersHeadWithTheLengthOnly) {
  auto server = StartServer({}, [](const HttpRequest&) {
    return HttpResponse{200, {}, "12345"};
  });
  RawClient raw(server->port());
  raw.Send("HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  const std::string answer = raw.ReadToEnd();
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(answer, HasSubstr("Content-Length: 5\r\n"));
  EXPECT_TRUE(answer.ends_with("\r\n\r\n")) << answer;
}

TEST(HttpServerTest, AnswersPipelinedRequestsInOrder) {
  auto server = StartServer();
  RawClient raw(server->port());
  raw.Send(
      "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n"
      "GET /2 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  const std::string answer = raw.ReadToEnd();
  EXPECT_LT(answer.find("X-Path: /1"), answer.find("X-Path: /2"));
  EXPECT_NE(answer.find("X-Path: /2"), answer.npos);
}

TEST(HttpServerTest, ContinuesWhenAsked) {
  auto server = StartServer();
  RawClient raw(server->port());
  raw.Send(
      "PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
      "Connection: close\r\nContent-Length: 3\r\n\r\n");
  EXPECT_THAT(raw.ReadUntil("\r\n\r\n"), StartsWith("HTTP/1.1 100"));
  raw.Send("abc");
  EXPECT_TRUE(raw.ReadToEnd().ends_with("\r\n\r\nabc"));
}

struct BadRequest {
  const char* name;
  std::string bytes;
  const char* answer;
};

class BadRequestTest : public ::testing::TestWithParam<BadRequest> {};

TEST_P(BadRequestTest, IsRefusedAndTheConnectionClosed) {
  std::atomic<int> handled{0};
  auto server =
      StartServer({.header_bytes_max = 4096}, [&](const HttpRequest& request) {
        ++handled;
        return Echo(request);
      });
  RawClient raw(server->port());
  raw.Send(GetParam().bytes);
  EXPECT_THAT(raw.ReadToEnd(), StartsWith(GetParam().answer));
  EXPECT_EQ(handled, 0);
}

const BadRequest kBadRequests[] = {
    {"Garbage", std::string("\x16\x03\x01\x00\xa5 hello\r\n\r\n", 16),
     "HTTP/1.1 400"},
    {"NoVersion", "GET /\r\n\r\n", "HTTP/1.1 400"},
    {"TwoLengths",
     "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
     "HTTP/1.1 400"},
    {"LargeBody",
     "POST / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n" +
         std::string(1'000'000, 'x'),
     "HTTP/1.1 413"},
    {"LargeHeader",
     "GET / HTTP/1.1\r\nX: " + std::string(10'000, 'x') + "\r\n\r\n",
     "HTTP/1.1 431"},
};
INSTANTIATE_TEST_SUITE_P(Hostile, BadRequestTest,
                         ::testing::ValuesIn(kBadRequests),
                         [](const auto& test) { return test.param.name; });

TEST(SlowClientTest, IsDisconnectedAtEveryStage) {
  for (const char* half : {"", "GET / HT",
                           "POST / HTTP/1.1\r\nContent-Length: "
                           "10\r\n\r\nabc"}) {
    auto server = StartServer({.request_timeout = milliseconds(100)});
    RawClient raw(server->port());
    raw.Send(half);
    EXPECT_EQ(raw.ReadToEnd(), "") << half;
  }
}

TEST(SlowClientTest, AnIdleConnectionIsClosed) {
  auto server = StartServer({.idle_timeout = milliseconds(50)});
  RawClient raw(server->port());
  raw.Send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_THAT(raw.ReadToEnd(), StartsWith("HTTP/1.1 200"));
}

TEST(SlowClientTest, ConnectionsBeyondTheLimitWait) {
  auto server = StartServer({.connections_max = 1});
  auto first = std::make_unique<RawClient>(server->port());
  first->Send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  first->ReadUntil("\r\n\r\n");
  RawClient second(server->port());
  second.Send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  EXPECT_FALSE(second.Readable(milliseconds(50)));
  first.reset();
  EXPECT_THAT(second.ReadToEnd(), StartsWith("HTTP/1.1 200"));
}

TEST(StopTest, LetsARequestUnderWayFinish) {
  std::latch entered(1);
  std::latch proceed(1);
  auto server = StartServer({}, [&](const HttpRequest& request) {
    entered.count_down();
    proceed.wait();
    return Echo(request);
  });
  RawClient idle(server->port());
  RawClient busy(server->port());
  busy.Send("GET /busy HTTP/1.1\r\nHost: a\r\n\r\n");
  entered.wait();
  std::thread stopper([&] { server->Stop(seconds(10)); });
  EXPECT_EQ(idle.ReadToEnd(), "");
  proceed.count_down();
  const std::string answer = busy.ReadToEnd();
  EXPECT_THAT(answer, HasSubstr("X-Path: /busy"));
  EXPECT_THAT(answer, HasSubstr("Connection: close"));
  stopper.join();
  EXPECT_FALSE(RawClient(server->port()).connected());
}

TEST(EndKeepAliveTest, AnswersGoOnAndConnectionsEndWithThem) {
  auto server = StartServer();
  RawClient open(server->port());
  server->EndKeepAlive();
  RawClient late(server->port());
  for (RawClient* client : {&open, &late}) {
    client->Send("GET /last HTTP/1.1\r\nHost: a\r\n\r\n");
    const std::string answer = client->ReadToEnd();
    EXPECT_THAT(answer, HasSubstr("X-Path: /last"));
    EXPECT_THAT(answer, HasSubstr("Connection: close"));
  }
}

TEST(StopTest, ClosesWhatDoesNotFinishInTime) {
  auto server = StartServer();
  RawClient slow(server->port());
  slow.Send("GET /busy HT");
  ASSERT_TRUE(server != nullptr);
  server->Stop(milliseconds(20));
  server->Stop(milliseconds(20));
  server.reset();
  EXPECT_EQ(slow.ReadToEnd(), "");
}

TEST(ListenTest, SaysWhyItCannot) {
  auto first = StartServer();
  auto taken = HttpServer::Start({.port = first->port()}, Echo);
  ASSERT_FALSE(taken.ok());
  EXPECT_EQ(taken.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(taken.error().message, HasSubstr("127.0.0.1 port"));
  auto bad = HttpServer::Start({.address = "localhost"}, Echo);
  ASSERT_FALSE(bad.ok());
  EXPECT_EQ(bad.error().code, ErrorCode::kInvalidArgument);
}

// TLS, both sides of it.

class TlsTest : public ::testing::Test {
 protected:
  std::unique_ptr<HttpServer> Serve(TestCertificate certificate) {
    return StartServer(
        {.tls = true,
         .certificate = {certificate.chain_pem, certificate.key_pem}});
  }

  Result<HttpResponse> Fetch(const HttpServer& server, TlsOptions tls,
                             std::string host = "127.0.0.1") {
    auto client = MakeTestClient({.tls = std::move(tls)});
    HttpCall call = CallTo(server.port(), "POST");
    call.origin.tls = true;
    call.origin.host = std::move(host);
    call.body = body_;
    auto first = client->Fetch(call, 8u << 20);
    if (!first.ok()) return first;
    // Once more over the same connection.
    return client->Fetch(call, 8u << 20);
  }

  TlsOptions Trust() { return {.ca_bundle_pem = authority_.ca_pem()}; }

  const TestAuthority authority_{"our authority"};
  const std::string body_ = std::string(2'500'000, 'b');
};

TEST_F(TlsTest, CarriesBodiesBothWays) {
  auto server = Serve(authority_.Issue("s", {"IP:127.0.0.1", "DNS:localhost"}));
  for (const char* host : {"127.0.0.1", "localhost"}) {
    const auto response = Fetch(*server, Trust(), host);
    ASSERT_TRUE(response.ok()) << response.error().message;
    EXPECT_EQ(response->body, body_);
  }
}

TEST_F(TlsTest, WrongNamesAndAuthoritiesAreRefused) {
  auto server = Serve(authority_.Issue("s", {"DNS:other.example"}));
  const TestAuthority stranger("stranger");
  const auto why = [&](TlsOptions tls, std::string host) {
    const auto response = Fetch(*server, std::move(tls), std::move(host));
    if (response.ok()) return std::string("it was accepted");
    EXPECT_EQ(response.error().code, ErrorCode::kUnavailable);
    return response.error().message;
  };
  EXPECT_THAT(why(Trust(), "localhost"), HasSubstr("ostname mismatch"));
  EXPECT_THAT(why(Trust(), "127.0.0.1"), HasSubstr("IP address mismatch"));
  EXPECT_THAT(why({.ca_bundle_pem = stranger.ca_pem()}, "localhost"),
              HasSubstr("not trusted"));
  EXPECT_THAT(why({}, "localhost"), HasSubstr("not trusted"));

  TlsOptions renamed = Trust();
  renamed.server_name = "other.example";
  EXPECT_EQ(why(renamed, "127.0.0.1"), "it was accepted");
  EXPECT_EQ(why({.insecure_skip_verify = true}, "localhost"),
            "it was accepted");
}

TEST_F(TlsTest, ExpiredCertificatesAreRefused) {
  auto server = Serve(authority_.Issue("s", {"IP:127.0.0.1"}, -60));
  const auto response = Fetch(*server, Trust());
  ASSERT_FALSE(response.ok());
  EXPECT_THAT(response.error().message, HasSubstr("expired"));
}

TEST_F(TlsTest, ACertificateIsReplacedWhileServing) {
  auto server = Serve(authority_.Issue("old", {"IP:127.0.0.1"}));
  const TestAuthority next("next authority");
  const TlsOptions trust_next = {.ca_bundle_pem = next.ca_pem()};
  EXPECT_FALSE(Fetch(*server, trust_next).ok());
  const TestCertificate issued = next.Issue("new", {"IP:127.0.0.1"});
  const TestCertificate other = next.Issue("other", {"IP:127.0.0.1"});

  EXPECT_FALSE(server->SetCertificate({issued.chain_pem, other.key_pem}).ok());
  EXPECT_FALSE(server->SetCertificate({"rubbish", issued.key_pem}).ok());
  EXPECT_TRUE(Fetch(*server, Trust()).ok());

  ASSERT_TRUE(server->SetCertificate({issued.chain_pem, issued.key_pem}).ok());
  EXPECT_TRUE(Fetch(*server, trust_next).ok());
  EXPECT_FALSE(Fetch(*server, Trust()).ok());
}

TEST_F(TlsTest, BadPemIsRefusedBeforeAnyConnection) {
  const TestCertificate a = authority_.Issue("a", {});
  const TestCertificate b = authority_.Issue("b", {});
  const TlsOptions bad[] = {
      {.ca_bundle_pem = "rubbish"},
      {.ca_bundle_pem = "-----BEGIN CERTIFICATE-----\nAAAA\n"
                        "-----END CERTIFICATE-----\n"},
      {.client_certificate_pem = a.chain_pem, .client_key_pem = b.key_pem},
      {.client_certificate_pem = a.chain_pem,
       .client_key_pem = SecretString("rubbish")},
  };
  for (const TlsOptions& tls : bad) {
    const auto client = HttpClient::Make({.tls = tls});
    ASSERT_FALSE(client.ok());
    EXPECT_EQ(client.error().code, ErrorCode::kInvalidArgument);
  }
  EXPECT_TRUE(HttpClient::Make({.tls = {.client_certificate_pem = a.chain_pem,
                                        .client_key_pem = a.key_pem}})
                  .ok());
}

TEST_F(TlsTest, APlainClientAndGarbageDoNotDisturb) {
  auto server = Serve(authority_.Issue("s", {"IP:127.0.0.1"}));
  RawClient raw(server->port());
  raw.Send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  raw.ReadToEnd();
  EXPECT_TRUE(Fetch(*server, Trust()).ok());
}

TEST_F(TlsTest, ATlsClientAtAPlainServerSaysSo) {
  auto server = StartServer();
  const auto response = Fetch(*server, Trust());
  ASSERT_FALSE(response.ok());
  EXPECT_EQ(response.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(response.error().message, HasSubstr("TLS"));
}

}  // namespace
}  // namespace datashim::net
