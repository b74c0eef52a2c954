#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <set>

#include "kube/watch.h"
#include "kube_test_base.h"

namespace datashim::integration {
namespace {

using kube::Json;
using kube::kConfigMaps;
using kube::ObjectKey;
using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::HasSubstr;

class ClientTest : public KubeTest {
 protected:
  std::unique_ptr<kube::Client> ClientOf(kube::Config config) {
    auto client = kube::Client::Make(std::move(config));
    EXPECT_TRUE(client.ok());
    return std::move(*client);
  }
};

TEST_F(ClientTest, CreateGetUpdateDelete) {
  const Json created = MustCreate(ConfigMap("a", "1"));
  EXPECT_NE(kube::UidOf(created), "");
  const ObjectKey key{space_, "a"};
  auto read = client_->Get(kConfigMaps, key, Soon());
  ASSERT_TRUE(read.ok()) << read.error().message;
  EXPECT_EQ((*read)["data"]["x"], "1");

  (*read)["data"]["x"] = "2";
  const auto updated = client_->Update(kConfigMaps, *read, Soon());
  ASSERT_TRUE(updated.ok()) << updated.error().message;
  EXPECT_EQ((*updated)["data"]["x"], "2");

  ASSERT_TRUE(client_->Delete(kConfigMaps, key, {}, Soon()).ok());
  EXPECT_EQ(client_->Get(kConfigMaps, key, Soon()).error().code,
            ErrorCode::kNotFound);
  EXPECT_EQ(*client_->Find(kConfigMaps, key, Soon()), std::nullopt);
  EXPECT_EQ(client_->Delete(kConfigMaps, key, {}, Soon()).error().code,
            ErrorCode::kNotFound);
}

TEST_F(ClientTest, TextSurvivesTheWay) {
  const std::string text = "quotes \" \\ and \xF0\x9F\xA6\x8A\n\x01";
  MustCreate(ConfigMap("a", text));
  EXPECT_EQ((*client_->Get(kConfigMaps, {space_, "a"}, Soon()))["data"]["x"],
            text);
}

TEST_F(ClientTest, ErrorsTellTwoConflictsApart) {
  const Json old = MustCreate(ConfigMap("a", "1"));
  const auto again = client_->Create(kConfigMaps, ConfigMap("a", "1"), Soon());
  EXPECT_EQ(again.error().code, ErrorCode::kAlreadyExists);
  EXPECT_THAT(again.error().message,
              HasSubstr("create configmaps " + space_ + "/a: "));

  Json changed = old;
  changed["data"]["x"] = "2";
  ASSERT_TRUE(client_->Update(kConfigMaps, changed, Soon()).ok());
  const auto late = client_->Update(kConfigMaps, changed, Soon());
  EXPECT_EQ(late.error().code, ErrorCode::kAborted);
}

TEST_F(ClientTest, WhatTheServerFindsInvalidIsSaidInItsWords) {
  const auto invalid =
      client_->Create(kConfigMaps, ConfigMap("Upper_Case", "1"), Soon());
  EXPECT_EQ(invalid.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(invalid.error().message, HasSubstr("RFC 1123"));
}

TEST_F(ClientTest, AKindThatIsNotServedIsNoMissingObject) {
  const kube::ResourceType none{"none.example", "v1", "None", "nones"};
  const auto found = client_->Find(none, {space_, "a"}, Soon());
  ASSERT_FALSE(found.ok());
  EXPECT_EQ(found.error().code, ErrorCode::kUnimplemented);
}

TEST_F(ClientTest, ListGathersPages) {
  for (int i = 0; i < 7; ++i) {
    Json object = ConfigMap("m" + std::to_string(i), "x");
    object["metadata"]["labels"]["even"] = i % 2 == 0 ? "yes" : "no";
    MustCreate(object);
  }
  const auto all =
      client_->List(kConfigMaps, space_, {.page_items = 3}, Soon());
  ASSERT_TRUE(all.ok()) << all.error().message;
  ASSERT_EQ(all->items.size(), 7u);
  EXPECT_EQ(all->items[6]["kind"], "ConfigMap");
  EXPECT_EQ(all->items[6]["apiVersion"], "v1");
  EXPECT_NE(all->resource_version, "");

  const auto even = client_->List(kConfigMaps, space_,
                                  {.label_selector = "even=yes"}, Soon());
  EXPECT_EQ(even->items.size(), 4u);
  const auto one = client_->List(
      kConfigMaps, space_, {.field_selector = "metadata.name=m3"}, Soon());
  EXPECT_EQ(one->items.size(), 1u);
}

TEST_F(ClientTest, ApplyCreatesAndSetsAndConflicts) {
  const auto applied =
      client_->Apply(kConfigMaps, ConfigMap("a", "1"), {}, Soon());
  ASSERT_TRUE(applied.ok()) << applied.error().message;
  EXPECT_EQ((*applied)["metadata"]["managedFields"][0]["manager"], "datashim");

  const auto conflict =
      client_->Apply(kConfigMaps, ConfigMap("a", "2"),
                     {.force = false, .field_manager = "other"}, Soon());
  EXPECT_EQ(conflict.error().code, ErrorCode::kAborted);
  EXPECT_THAT(conflict.error().message,
              AllOf(HasSubstr("datashim"), HasSubstr(".data.x")));

  const auto forced =
      client_->Apply(kConfigMaps, ConfigMap("a", "2"),
                     {.force = true, .field_manager = "other"}, Soon());
  EXPECT_EQ((*forced)["data"]["x"], "2");
}

TEST_F(ClientTest, StatusIsWrittenApart) {
  Json claim = kube::MakeObject(kube::kPersistentVolumeClaims, {space_, "c"});
  claim["spec"] = {{"accessModes", {"ReadWriteMany"}},
                   {"resources", {{"requests", {{"storage", "1Gi"}}}}}};
  auto created = client_->Create(kube::kPersistentVolumeClaims, claim, Soon());
  ASSERT_TRUE(created.ok()) << created.error().message;
  (*created)["status"]["phase"] = "Lost";
  auto updated =
      client_->UpdateStatus(kube::kPersistentVolumeClaims, *created, Soon());
  ASSERT_TRUE(updated.ok()) << updated.error().message;
  EXPECT_EQ((*updated)["status"]["phase"], "Lost");

  Json status = kube::MakeObject(kube::kPersistentVolumeClaims, {space_, "c"});
  status["status"]["phase"] = "Pending";
  updated =
      client_->ApplyStatus(kube::kPersistentVolumeClaims, status, {}, Soon());
  ASSERT_TRUE(updated.ok()) << updated.error().message;
  EXPECT_EQ((*updated)["status"]["phase"], "Pending");
}

TEST_F(ClientTest, PatchesMergeOrEdit) {
  MustCreate(ConfigMap("a", "1"));
  const ObjectKey key{space_, "a"};
  auto patched = client_->Patch(kConfigMaps, key, kube::PatchType::kMerge,
                                {{"data", {{"y", "2"}}}}, Soon());
  ASSERT_TRUE(patched.ok()) << patched.error().message;
  EXPECT_EQ((*patched)["data"], Json({{"x", "1"}, {"y", "2"}}));
  const Json edit = Json::array({{{"op", "remove"}, {"path", "/data/x"}}});
  patched =
      client_->Patch(kConfigMaps, key, kube::PatchType::kJson, edit, Soon());
  ASSERT_TRUE(patched.ok()) << patched.error().message;
  EXPECT_EQ((*patched)["data"], Json({{"y", "2"}}));
}

TEST_F(ClientTest, DeleteKeepsAnObjectThatIsNotTheOneMeant) {
  const Json object = MustCreate(ConfigMap("a", "1"));
  const ObjectKey key{space_, "a"};
  const Status other =
      client_->Delete(kConfigMaps, key, {.uid = "another-uid"}, Soon());
  EXPECT_EQ(other.error().code, ErrorCode::kAborted);
  EXPECT_TRUE(client_
                  ->Delete(kConfigMaps, key,
                           {.propagation = kube::Propagation::kForeground,
                            .uid = kube::UidOf(object)},
                           Soon())
                  .ok());
}

TEST_F(ClientTest, UsersAreWhoTheirTokenOrCertificateSays) {
  auto nobody = ClientOf(SharedApiServer().NobodyConfig());
  const auto refused = nobody->Get(kube::kSecrets, {space_, "s"}, Soon());
  EXPECT_EQ(refused.error().code, ErrorCode::kPermissionDenied);
  EXPECT_THAT(refused.error().message, HasSubstr("\"nobody\" cannot get"));

  auto certified = ClientOf(SharedApiServer().CertificateConfig("ada"));
  const auto by_certificate =
      certified->Get(kube::kSecrets, {space_, "s"}, Soon());
  EXPECT_EQ(by_certificate.error().code, ErrorCode::kPermissionDenied);
  EXPECT_THAT(by_certificate.error().message, HasSubstr("\"ada\" cannot get"));
}

TEST_F(ClientTest, ARotatedTokenIsTakenUpOnceTheOldOneIsRefused) {
  kube::Config config = SharedApiServer().AdminConfig();
  const std::string good = config.token.Reveal();
  config.token = {};
  config.token_file = ::testing::TempDir() + "/token-" + space_;
  std::ofstream(config.token_file) << "wrong";
  auto client = ClientOf(config);
  const auto refused = client->Get(kube::kNamespaces, {"", space_}, Soon());
  EXPECT_EQ(refused.error().code, ErrorCode::kUnauthenticated);
  std::ofstream(config.token_file) << good;
  EXPECT_TRUE(client->Get(kube::kNamespaces, {"", space_}, Soon()).ok());
}

TEST_F(ClientTest, AServerWithoutTheRightCertificateIsNotTrusted) {
  kube::Config config = SharedApiServer().AdminConfig();
  config.ca_pem = net::TestAuthority("somebody else").ca_pem();
  const auto refused = ClientOf(config)->Get(kube::kNamespaces, {"", space_},
                                             Deadline::After(seconds(5)));
  EXPECT_EQ(refused.error().code, ErrorCode::kUnavailable);
}

TEST_F(ClientTest, WatchTellsChangesAndBookmarksUntilItsTimeIsOver) {
  const auto start = client_->List(kConfigMaps, space_, {}, Soon());
  const Json object = MustCreate(ConfigMap("a", "1"));
  std::vector<std::pair<kube::WatchEventType, std::string>> seen;
  // The server sends a bookmark two seconds before it ends a watch.
  const Status ended = client_->Watch(
      kConfigMaps, space_,
      {.resource_version = start->resource_version, .timeout = seconds(4)},
      [&](kube::WatchEvent event) {
        if (seen.empty()) {
          EXPECT_TRUE(
              client_->Delete(kConfigMaps, {space_, "a"}, {}, Soon()).ok());
        }
        seen.emplace_back(event.type, kube::NameOf(*event.object));
      },
      {});
  EXPECT_TRUE(ended.ok()) << ended.error().message;
  ASSERT_GE(seen.size(), 3u);
  EXPECT_EQ(seen[0], std::pair(kube::WatchEventType::kAdded, std::string("a")));
  EXPECT_EQ(seen[1],
            std::pair(kube::WatchEventType::kDeleted, std::string("a")));
  EXPECT_EQ(seen.back().first, kube::WatchEventType::kBookmark);
}

// A new API server remembers no events from before its start.
TEST_F(ClientTest, AWatchFromAForgottenVersionIsOutOfRange) {
  MustCreate(ConfigMap("a", "1"));
  ASSERT_TRUE(SharedApiServer().Restart().ok());
  const Status ended = client_->Watch(
      kConfigMaps, space_, {.resource_version = "1", .timeout = seconds(5)},
      [](kube::WatchEvent) { ADD_FAILURE(); }, {});
  ASSERT_FALSE(ended.ok());
  EXPECT_EQ(ended.error().code, ErrorCode::kOutOfRange);
}

TEST_F(ClientTest, StopEndsAWatchAndEveryLaterCall) {
  std::stop_source stop;
  const auto start = client_->List(kConfigMaps, space_, {}, Soon());
  MustCreate(ConfigMap("a", "1"));
  const Status ended = client_->Watch(
      kConfigMaps, space_, {.resource_version = start->resource_version},
      [&](kube::WatchEvent) { stop.request_stop(); }, stop.get_token());
  EXPECT_EQ(ended.error().code, ErrorCode::kCancelled);
  client_->RequestStop();
  EXPECT_EQ(client_->Get(kConfigMaps, {space_, "a"}, Soon()).error().code,
            ErrorCode::kCancelled);
}

}  // namespace
}  // namespace datashim::integration
