#include "kube/object_cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace datashim::kube {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

ObjectPtr Make(const std::string& name, const std::string& version,
               const std::string& owner = "", const std::string& uid = "u",
               const std::string& namespace_name = "ns") {
  Json object = MakeObject(kConfigMaps, {namespace_name, name});
  object["metadata"]["resourceVersion"] = version;
  object["metadata"]["uid"] = uid;
  if (!owner.empty()) {
    object["metadata"]["ownerReferences"] = {{{"uid", owner}}};
  }
  return std::make_shared<const Json>(std::move(object));
}

std::vector<std::string> Names(const std::vector<ObjectPtr>& objects) {
  std::vector<std::string> names;
  for (const ObjectPtr& object : objects) names.push_back(NameOf(*object));
  return names;
}

/// "+name", "-name" or "~name" for an added, deleted or updated object.
std::vector<std::string> Words(const std::vector<ObjectChange>& changes) {
  std::vector<std::string> words;
  for (const auto& [before, after] : changes) {
    words.push_back(!before  ? "+" + NameOf(*after)
                    : !after ? "-" + NameOf(*before)
                             : "~" + NameOf(*after));
  }
  return words;
}

class ObjectCacheTest : public ::testing::Test {
 protected:
  ObjectCache cache_{{{std::string(kOwnerIndex), OwnerUids}}};
};

TEST_F(ObjectCacheTest, SetTellsWhatChanged) {
  const ObjectPtr first = Make("a", "1");
  const ObjectPtr second = Make("a", "2");
  ObjectChange change = cache_.Set(first);
  EXPECT_EQ(change.before, nullptr);
  EXPECT_EQ(change.after, first);
  change = cache_.Set(second);
  EXPECT_EQ(change.before, first);
  EXPECT_EQ(change.after, second);
  change = cache_.Set(Make("a", "2"));
  EXPECT_EQ(change.before, second);
  EXPECT_EQ(change.after, second);
  EXPECT_EQ(cache_.size(), 1u);
}

TEST_F(ObjectCacheTest, EraseTellsWhatWasThere) {
  const ObjectPtr object = Make("a", "1");
  cache_.Set(object);
  ObjectChange change = cache_.Erase({"ns", "a"});
  EXPECT_EQ(change.before, object);
  EXPECT_EQ(change.after, nullptr);
  change = cache_.Erase({"ns", "a"});
  EXPECT_EQ(change.before, nullptr);
  EXPECT_EQ(cache_.Get({"ns", "a"}), nullptr);
}

TEST_F(ObjectCacheTest, ListKeepsToTheNamespace) {
  cache_.Set(Make("b", "1"));
  cache_.Set(Make("a", "1"));
  cache_.Set(Make("c", "1", "", "u", "ns2"));
  cache_.Set(Make("d", "1", "", "u", "n"));
  EXPECT_THAT(Names(cache_.List("ns")), ElementsAre("a", "b"));
  EXPECT_THAT(Names(cache_.List("")), ElementsAre("d", "a", "b", "c"));
  EXPECT_THAT(cache_.List("none"), IsEmpty());
}

TEST_F(ObjectCacheTest, TheIndexFollowsItsObjects) {
  cache_.Set(Make("a", "1", "o1"));
  cache_.Set(Make("b", "1", "o1"));
  cache_.Set(Make("c", "1", "o2"));
  EXPECT_THAT(Names(cache_.ByIndex(kOwnerIndex, "o1")), ElementsAre("a", "b"));
  cache_.Set(Make("a", "2", "o2"));
  EXPECT_THAT(Names(cache_.ByIndex(kOwnerIndex, "o1")), ElementsAre("b"));
  EXPECT_THAT(Names(cache_.ByIndex(kOwnerIndex, "o2")), ElementsAre("a", "c"));
  cache_.Erase({"ns", "b"});
  EXPECT_THAT(cache_.ByIndex(kOwnerIndex, "o1"), IsEmpty());
}

TEST_F(ObjectCacheTest, ReplaceTellsOnlyRealChanges) {
  cache_.Set(Make("gone", "1", "o"));
  cache_.Set(Make("same", "2"));
  cache_.Set(Make("changed", "3"));
  cache_.Set(Make("remade", "4", "", "u1"));
  const auto changes =
      cache_.Replace({Make("changed", "5"), Make("new", "6"),
                      Make("remade", "7", "", "u2"), Make("same", "2")});
  EXPECT_THAT(Words(changes),
              ElementsAre("-gone", "-remade", "~changed", "+new", "+remade"));
  EXPECT_THAT(Names(cache_.List("")),
              ElementsAre("changed", "new", "remade", "same"));
  EXPECT_THAT(cache_.ByIndex(kOwnerIndex, "o"), IsEmpty());
  EXPECT_THAT(Words(cache_.Replace({})),
              ElementsAre("-changed", "-new", "-remade", "-same"));
}

TEST(ObjectCacheDeathTest, AnUnknownIndexIsABug) {
  ObjectCache cache({});
  EXPECT_DEATH(cache.ByIndex("none", "x"), "check failed");
}

}  // namespace
}  // namespace datashim::kube
