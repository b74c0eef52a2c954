// Deadlines, stops and connection limits of HttpClient.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "net/http_client.h"
#include "net/testing/client_calls.h"
#include "net/testing/scripted_server.h"

namespace datashim::net {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;

// Says nothing to the request, or half an answer.
ScriptedServer::Script Silent(std::string half) {
  return [half](ScriptedConnection& connection, int) {
    connection.ReadRequest();
    connection.Send(half);
    connection.AwaitClose();
  };
}

TEST(TimeLimitTest, TheDeadlineEndsEveryWait) {
  for (const char* half : {"", "HTTP/1.1 200 OK\r\nContent-Le",
                           "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab"}) {
    ScriptedServer server(Silent(half));
    auto client = MakeTestClient();
    HttpCall call = CallTo(server.port());
    call.deadline = Deadline::After(milliseconds(100));
    const auto response = client->Fetch(call, kTestBodyBytesMax);
    ASSERT_FALSE(response.ok());
    EXPECT_EQ(response.error().code, ErrorCode::kDeadlineExceeded);
  }
}

TEST(TimeLimitTest, SilenceIsUnavailability) {
  ScriptedServer server(Silent("HTTP/1.1 200 OK\r\n"));
  auto client = MakeTestClient();
  HttpCall call = CallTo(server.port());
  call.idle_timeout = milliseconds(50);
  const auto response = client->Fetch(call, kTestBodyBytesMax);
  ASSERT_FALSE(response.ok());
  EXPECT_EQ(response.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(response.error().message, HasSubstr("silent"));
}

TEST(TimeLimitTest, NobodyListening) {
  std::uint16_t port = 0;
  { port = ScriptedServer(Silent("")).port(); }
  auto client = MakeTestClient();
  const auto response = client->Fetch(CallTo(port), kTestBodyBytesMax);
  ASSERT_FALSE(response.ok());
  EXPECT_EQ(response.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(response.error().message, HasSubstr("refused"));
}

TEST(TimeLimitTest, UnknownNames) {
  auto client = MakeTestClient();
  HttpCall call = CallTo(80);
  call.origin.host = "no-such-host.invalid";
  const auto response = client->Fetch(call, kTestBodyBytesMax);
  ASSERT_FALSE(response.ok());
  EXPECT_EQ(response.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(response.error().message, HasSubstr("no-such-host.invalid"));
}

TEST(TimeLimitTest, NamesAreResolved) {
  ScriptedServer server(
      AnswerAlways("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
  auto client = MakeTestClient();
  HttpCall call = CallTo(server.port());
  call.origin.host = "localhost";
  const auto response = client->Fetch(call, kTestBodyBytesMax);
  EXPECT_TRUE(response.ok()) << response.error().message;
}

TEST(StopTest, EndsACallThatWaitsForTheServer) {
  std::latch arrived(2);
  ScriptedServer server([&](ScriptedConnection& connection, int) {
    connection.ReadRequest();
    arrived.count_down();
    connection.AwaitClose();
  });
  auto client = MakeTestClient();
  std::stop_source stop;
  ErrorCode by_caller{};
  ErrorCode by_client{};
  std::thread with_token([&] {
    HttpCall call = CallTo(server.port());
    call.deadline = Deadline::Never();
    call.stop = stop.get_token();
    by_caller = client->Fetch(call, kTestBodyBytesMax).error().code;
  });
  std::thread without([&] {
    HttpCall call = CallTo(server.port());
    call.deadline = Deadline::Never();
    by_client = client->Fetch(call, kTestBodyBytesMax).error().code;
  });
  arrived.wait();
  stop.request_stop();
  with_token.join();
  client->RequestStop();
  without.join();
  EXPECT_EQ(by_caller, ErrorCode::kCancelled);
  EXPECT_EQ(by_client, ErrorCode::kCancelled);
  EXPECT_EQ(client->Fetch(CallTo(server.port()), 1).error().code,
            ErrorCode::kCancelled);
}

TEST(StopTest, EndsACallThatWaitsForItsTurn) {
  std::latch arrived(1);
  ScriptedServer server([&](ScriptedConnection& connection, int) {
    connection.ReadRequest();
    arrived.count_down();
    connection.AwaitClose();
  });
  auto client = MakeTestClient({.connections_max = 1});
  std::thread holder([&] {
    HttpCall call = CallTo(server.port());
    call.deadline = Deadline::Never();
    std::ignore = client->Fetch(call, kTestBodyBytesMax);
  });
  arrived.wait();
  HttpCall call = CallTo(server.port());
  call.deadline = Deadline::After(milliseconds(50));
  auto response = client->Fetch(call, kTestBodyBytesMax);
  EXPECT_EQ(response.error().code, ErrorCode::kDeadlineExceeded);
  EXPECT_THAT(response.error().message, HasSubstr("busy"));

  std::stop_source stop;
  call.deadline = Deadline::Never();
  call.stop = stop.get_token();
  std::thread stopper([&] { stop.request_stop(); });
  EXPECT_EQ(client->Fetch(call, kTestBodyBytesMax).error().code,
            ErrorCode::kCancelled);
  stopper.join();
  client->RequestStop();
  holder.join();
}

TEST(PoolTest, NeverOpensMoreThanTheLimit) {
  constexpr int kThreads = 12;
  ScriptedServer server(
      AnswerAlways("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"));
  auto client = MakeTestClient({.connections_max = 3});
  std::vector<std::thread> threads;
  std::atomic<int> good{0};
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 50; ++n) {
        const auto response =
            client->Fetch(CallTo(server.port()), kTestBodyBytesMax);
        good += response.ok() && response->body == "ok" ? 1 : 0;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(good, kThreads * 50);
  EXPECT_LE(server.connections(), 3);
}

}  // namespace
}  // namespace datashim::net
