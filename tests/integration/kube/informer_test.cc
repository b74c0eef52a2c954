#include "kube/informer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <malloc.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <future>
#include <iostream>
#include <map>
#include <mutex>
#include <random>
#include <thread>

#include "kube/work_queue.h"
#include "kube_test_base.h"

namespace datashim::integration {
namespace {

using kube::Informer;
using kube::Json;
using kube::kConfigMaps;
using kube::ObjectChange;
using kube::ObjectKey;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

/// What a consumer of changes knows: names and versions.
using Versions = std::map<std::string, std::string>;

/// Applies changes as a controller would see them, and checks their order.
class Mirror {
 public:
  void Apply(const ObjectChange& change) {
    const std::lock_guard lock(mutex_);
    const Json& object = change.after ? *change.after : *change.before;
    const std::string name = kube::NameOf(object);
    EXPECT_EQ(versions_.contains(name), change.before != nullptr) << name;
    if (change.after) {
      versions_[name] = kube::ResourceVersionOf(object);
    } else {
      versions_.erase(name);
    }
  }
  Versions Get() const {
    const std::lock_guard lock(mutex_);
    return versions_;
  }

 private:
  mutable std::mutex mutex_;
  Versions versions_;
};

Versions VersionsOf(const std::vector<kube::ObjectPtr>& objects) {
  Versions versions;
  for (const auto& object : objects) {
    versions[kube::NameOf(*object)] = kube::ResourceVersionOf(*object);
  }
  return versions;
}

class InformerTest : public KubeTest {
 protected:
  void StartInformer(kube::InformerOptions options) {
    options.namespace_name = space_;
    informer_ =
        std::make_unique<Informer>(*client_, kConfigMaps, std::move(options));
    informer_->AddHandler(
        [this](const ObjectChange& change) { mirror_.Apply(change); });
    informer_->Start();
    ASSERT_TRUE(informer_->WaitForSync(Soon()));
  }

  Versions OnServer() {
    const auto list = client_->List(kConfigMaps, space_, {}, Soon());
    EXPECT_TRUE(list.ok());
    Versions versions;
    for (const Json& object : list->items) {
      versions[kube::NameOf(object)] = kube::ResourceVersionOf(object);
    }
    return versions;
  }

  Mirror mirror_;
  std::unique_ptr<Informer> informer_;
};

TEST_F(InformerTest, HasWhatWasThereAndFollowsWhatChanges) {
  MustCreate(ConfigMap("old", "1"));
  StartInformer({});
  EXPECT_EQ(informer_->size(), 1u);
  ASSERT_NE(informer_->Get({space_, "old"}), nullptr);
  EXPECT_FALSE(
      (*informer_->Get({space_, "old"}))["metadata"].contains("managedFields"));

  Json fresh = MustCreate(ConfigMap("new", "1"));
  fresh["data"]["x"] = "2";
  ASSERT_TRUE(client_->Update(kConfigMaps, fresh, Soon()).ok());
  ASSERT_TRUE(client_->Delete(kConfigMaps, {space_, "old"}, {}, Soon()).ok());
  const Versions wanted = OnServer();
  EXPECT_TRUE(Eventually([&] { return mirror_.Get() == wanted; }));
  EXPECT_EQ(VersionsOf(informer_->List()), wanted);
  EXPECT_EQ((*informer_->Get({space_, "new"}))["data"]["x"], "2");
  EXPECT_EQ(informer_->Get({space_, "old"}), nullptr);
}

TEST_F(InformerTest, FindsObjectsByTheirOwner) {
  const Json owner = MustCreate(ConfigMap("owner", "1"));
  Json owned = ConfigMap("owned", "1");
  kube::SetControllerReference(owned, owner);
  MustCreate(owned);
  StartInformer(
      {.indexes = {{std::string(kube::kOwnerIndex), kube::OwnerUids}}});
  const auto found = informer_->ByIndex(kube::kOwnerIndex, kube::UidOf(owner));
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(kube::NameOf(*found[0]), "owned");
}

TEST_F(InformerTest, KeepsOnlyWhatTheTransformLeaves) {
  MustCreate(ConfigMap("a", "1"));
  StartInformer({.transform = [](Json& object) { object.erase("data"); }});
  EXPECT_FALSE(informer_->Get({space_, "a"})->contains("data"));
}

TEST_F(InformerTest, WithoutRightsItSaysWhyAndIsNotSynced) {
  auto nobody = kube::Client::Make(SharedApiServer().NobodyConfig());
  Informer informer(**nobody, kConfigMaps, {.namespace_name = space_});
  informer.Start();
  ASSERT_TRUE(
      Eventually([&] { return !informer.metrics().last_error.empty(); }));
  EXPECT_THAT(informer.metrics().last_error,
              ::testing::HasSubstr("\"nobody\" cannot list"));
  EXPECT_FALSE(informer.HasSynced());
  informer.Stop();
}

TEST_F(InformerTest, StopsAtOnceWhileItWatches) {
  StartInformer({});
  ASSERT_TRUE(Eventually([&] { return informer_->metrics().watches == 1; }));
  const auto start = SystemClock().Now();
  informer_->Stop();
  EXPECT_LT(SystemClock().Now() - start, seconds(2));
}

// Writes go on from the first to the last moment; the API server dies in the
// middle. In the end the copy, and what its consumer was told, are the truth.
TEST_F(InformerTest, NoChangeIsLostWhenTheApiServerIsKilled) {
  StartInformer({.reflector = {.backoff_min = std::chrono::milliseconds(50),
                               .backoff_max = seconds(1)}});
  std::atomic<int> writes = 0;
  std::jthread writer([&](std::stop_token stop) {
    auto client = SharedApiServer().AdminClient();
    std::mt19937 random(7);
    while (!stop.stop_requested()) {
      const std::string name = "m" + std::to_string(random() % 20);
      const auto deadline = Deadline::After(seconds(1));
      const bool done =
          random() % 3 == 0
              ? client->Delete(kConfigMaps, {space_, name}, {}, deadline).ok()
              : client
                    ->Apply(kConfigMaps,
                            ConfigMap(name, std::to_string(writes)), {},
                            deadline)
                    .ok();
      if (done) ++writes;
    }
  });
  const auto wait_for_more = [&] {
    const int wanted = writes + 100;
    return Eventually([&] { return writes >= wanted; });
  };
  ASSERT_TRUE(wait_for_more());
  ASSERT_TRUE(SharedApiServer().Restart().ok());
  ASSERT_TRUE(wait_for_more());
  writer.request_stop();
  writer.join();

  const Versions wanted = OnServer();
  EXPECT_TRUE(Eventually([&] { return mirror_.Get() == wanted; }));
  EXPECT_EQ(VersionsOf(informer_->List()), wanted);
  std::cout << "lists: " << informer_->metrics().lists
            << ", watches: " << informer_->metrics().watches << "\n";
}

// While the informer is held up, the API server is replaced by one that does
// not remember what the informer has not seen: it must list again, and tell of
// what happened in between.
TEST_F(InformerTest, AForgottenVersionLeadsToANewList) {
  MustCreate(ConfigMap("kept", "1"));
  MustCreate(ConfigMap("deleted", "1"));
  std::promise<void> held_up;
  std::promise<void> go_on;
  StartInformer({.transform = [&](Json& object) {
    if (kube::NameOf(object) != "trigger") return;
    held_up.set_value();
    go_on.get_future().wait();
  }});
  MustCreate(ConfigMap("trigger", "1"));
  held_up.get_future().wait();
  // The first restart cuts its connection, so that it cannot read later what
  // was sent meanwhile; the second one begins after the changes.
  ASSERT_TRUE(SharedApiServer().Restart().ok());
  MustCreate(ConfigMap("made", "1"));
  for (const char* name : {"deleted", "trigger"}) {
    ASSERT_TRUE(client_->Delete(kConfigMaps, {space_, name}, {}, Soon()).ok());
  }
  ASSERT_TRUE(SharedApiServer().Restart().ok());
  go_on.set_value();
  const Versions wanted = OnServer();
  EXPECT_TRUE(Eventually([&] { return mirror_.Get() == wanted; }));
  EXPECT_EQ(informer_->metrics().lists, 2u);
}

std::size_t ResidentBytes() {
  std::ifstream statm("/proc/self/statm");
  std::size_t total_pages = 0;
  std::size_t resident_pages = 0;
  statm >> total_pages >> resident_pages;
  return resident_pages * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

/// About as large as a Dataset with its status.
Json DatasetLike(const ObjectKey& key) {
  Json object = kube::MakeObject(kConfigMaps, key);
  object["metadata"]["labels"] = {{"app.kubernetes.io/name", "model-weights"},
                                  {"team", "inference"}};
  for (const char* field :
       {"type", "secret-name", "secret-namespace", "endpoint", "bucket",
        "folder", "region", "readonly", "provision", "caching.status",
        "caching.info", "provision.status", "provision.info", "ready.reason",
        "ready.message", "ready.time"}) {
    object["data"][field] =
        "value of " + std::string(field) + " of " + key.name;
  }
  return object;
}

TEST_F(InformerTest, AThousandObjectsAreSmall) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "sanitizers take memory of their own";
#endif
  constexpr int kObjects = 1000;
  std::atomic<int> next = 0;
  {
    std::vector<std::jthread> writers;
    for (int i = 0; i < 4; ++i) {
      writers.emplace_back([&] {
        for (int n = next++; n < kObjects; n = next++) {
          MustCreate(DatasetLike({space_, "dataset-" + std::to_string(n)}));
        }
      });
    }
  }
  malloc_trim(0);
  const std::size_t before = ResidentBytes();
  StartInformer({});
  ASSERT_EQ(informer_->size(), std::size_t{kObjects});
  const std::size_t grown = ResidentBytes() - before;
  std::cout << "1,000 objects: " << grown / 1024 << " KiB\n";
  RecordProperty("resident_kib", static_cast<int>(grown / 1024));
  EXPECT_LT(grown, 16u << 20);
}

}  // namespace
}  // namespace datashim::integration
