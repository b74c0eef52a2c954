// What Client does with answers that a healthy API server does not give.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <mutex>
#include <nlohmann/json.hpp>
#include <vector>

#include "kube/client.h"
#include "kube/watch.h"
#include "net/http_server.h"

namespace datashim::integration {
namespace {

using kube::Json;
using kube::kConfigMaps;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const char* const kObject =
    R"({"metadata":{"name":"a","namespace":"ns","resourceVersion":"1"}})";

/// A server that gives its answers in order, and the last one for ever.
class ClientRetryTest : public ::testing::Test {
 protected:
  void Serve(std::vector<net::HttpResponse> answers,
             kube::ClientOptions options = {}) {
    answers_ = std::move(answers);
    auto server =
        net::HttpServer::Start({}, [this](const net::HttpRequest& request) {
          const std::lock_guard lock(mutex_);
          requests_.push_back(request);
          return answers_[std::min(requests_.size(), answers_.size()) - 1];
        });
    ASSERT_TRUE(server.ok()) << server.error().message;
    server_ = std::move(*server);
    kube::Config config;
    config.server =
        "http://127.0.0.1:" + std::to_string(server_->port()) + "/prefix/";
    auto client = kube::Client::Make(config, options);
    ASSERT_TRUE(client.ok());
    client_ = std::move(*client);
  }

  Result<Json> Get(Deadline deadline = Deadline::After(seconds(30))) {
    return client_->Get(kConfigMaps, {"ns", "a"}, deadline);
  }
  Result<Json> Create() {
    return client_->Create(kConfigMaps, Json::parse(kObject),
                           Deadline::After(seconds(30)));
  }

  std::mutex mutex_;
  std::vector<net::HttpResponse> answers_;
  std::vector<net::HttpRequest> requests_;
  std::unique_ptr<net::HttpServer> server_;
  std::unique_ptr<kube::Client> client_;
};

TEST_F(ClientRetryTest, ReadsAreTriedAgainUntilTheyGetThrough) {
  Serve({{500, {}, ""}, {503, {}, ""}, {429, {}, ""}, {200, {}, kObject}});
  const auto object = Get();
  ASSERT_TRUE(object.ok()) << object.error().message;
  EXPECT_EQ(kube::NameOf(*object), "a");
  EXPECT_EQ(requests_.size(), 4u);
  EXPECT_EQ(requests_[0].path, "/prefix/api/v1/namespaces/ns/configmaps/a");
}

TEST_F(ClientRetryTest, TriesHaveAnEnd) {
  Serve({{503, {}, "overloaded"}});
  const auto object = Get();
  EXPECT_EQ(object.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(object.error().message,
              HasSubstr("get configmaps ns/a: HTTP 503: overloaded"));
  EXPECT_EQ(requests_.size(), 5u);
}

TEST_F(ClientRetryTest, ACreateIsTriedAgainOnlyIfItWasRefused) {
  Serve({{429, {{"Retry-After", "0"}}, ""}, {201, {}, kObject}});
  EXPECT_TRUE(Create().ok());
  EXPECT_EQ(requests_.size(), 2u);
}

TEST_F(ClientRetryTest, ACreateOfUnknownFateIsLeftToTheCaller) {
  Serve({{504, {}, ""}, {201, {}, kObject}});
  EXPECT_EQ(Create().error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(requests_.size(), 1u);
}

TEST_F(ClientRetryTest, RetryAfterIsHonouredButNotPastTheDeadline) {
  Serve({{429, {{"Retry-After", "1"}}, ""}, {200, {}, kObject}});
  const auto start = SystemClock().Now();
  EXPECT_TRUE(Get().ok());
  EXPECT_GE(SystemClock().Now() - start, seconds(1));

  answers_ = {{429, {{"Retry-After", "30"}}, ""}};
  const auto object = Get(Deadline::After(seconds(5)));
  EXPECT_EQ(object.error().code, ErrorCode::kResourceExhausted);
}

TEST_F(ClientRetryTest, CallsBeyondTheRateLimitWaitTheirTurn) {
  Serve({{200, {}, kObject}}, {.requests_per_second = 20, .requests_burst = 1});
  const auto start = SystemClock().Now();
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(Get().ok());
  EXPECT_GE(SystemClock().Now() - start, milliseconds(190));
  const auto object = Get(Deadline::After(milliseconds(1)));
  EXPECT_EQ(object.error().code, ErrorCode::kDeadlineExceeded);
}

TEST_F(ClientRetryTest, AnAnswerThatIsNoObjectIsAnError) {
  Serve({{200, {}, "<html>a captive portal</html>"}});
  EXPECT_EQ(Get().error().code, ErrorCode::kDataLoss);
}

TEST_F(ClientRetryTest, AListThatIsNoListIsAnError) {
  Serve({{200, {}, R"({"metadata":{},"items":[]})"},
         {200, {}, R"({"metadata":{"resourceVersion":"1"},"items":[7]})"},
         {200, {}, R"({"metadata":{"resourceVersion":"1"},"items":null})"}});
  const auto list = [&] {
    return client_->List(kConfigMaps, "", {}, Deadline::After(seconds(30)));
  };
  EXPECT_EQ(list().error().code, ErrorCode::kDataLoss);
  EXPECT_EQ(list().error().code, ErrorCode::kDataLoss);
  const auto empty = list();
  ASSERT_TRUE(empty.ok()) << empty.error().message;
  EXPECT_TRUE(empty->items.empty());
}

TEST_F(ClientRetryTest, AWatchEndsAtALineThatIsNoEvent) {
  Serve({{200,
          {},
          R"({"type":"ADDED","object":{"metadata":{"name":"a",)"
          R"("resourceVersion":"5"}}})"
          "\nnonsense\n"}});
  std::vector<std::string> names;
  const Status ended =
      client_->Watch(kConfigMaps, "ns", {.resource_version = "1"},
                     [&](kube::WatchEvent event) {
                       names.push_back(kube::NameOf(*event.object));
                     },
                     {});
  ASSERT_FALSE(ended.ok());
  EXPECT_EQ(ended.error().code, ErrorCode::kDataLoss);
  EXPECT_THAT(names, ElementsAre("a"));
}

}  // namespace
}  // namespace datashim::integration
