#include "kube/object.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace datashim::kube {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr ResourceType kDatasets{"datashim.io", "v1alpha1", "Dataset",
                                 "datasets"};
constexpr WallTime kNow{std::chrono::seconds(1'700'000'000)};

TEST(ResourceTypeTest, PathsAreThoseOfTheApi) {
  EXPECT_EQ(kConfigMaps.Path({"a", "b"}), "/api/v1/namespaces/a/configmaps/b");
  EXPECT_EQ(kConfigMaps.Path({"a", ""}), "/api/v1/namespaces/a/configmaps");
  EXPECT_EQ(kConfigMaps.Path({}), "/api/v1/configmaps");
  EXPECT_EQ(kNamespaces.Path({"", "a"}), "/api/v1/namespaces/a");
  EXPECT_EQ(kNamespaces.Path({"ignored", "a"}), "/api/v1/namespaces/a");
  EXPECT_EQ(kDatasets.Path({"a", "b"}, "status"),
            "/apis/datashim.io/v1alpha1/namespaces/a/datasets/b/status");
}

TEST(ResourceTypeTest, HostileNamesStayOnePartOfThePath) {
  EXPECT_EQ(kConfigMaps.Path({"a/b", "../?x"}),
            "/api/v1/namespaces/a%2Fb/configmaps/..%2F%3Fx");
}

TEST(FieldTest, ReadsOnlyWhatIsThere) {
  const Json object = {{"status", {{"phase", "Bound"}, {"count", 3}}}};
  EXPECT_EQ(StringAt(object, {"status", "phase"}), "Bound");
  EXPECT_EQ(StringAt(object, {"status", "count"}), "");
  EXPECT_EQ(StringAt(object, {"status", "phase", "deeper"}), "");
  EXPECT_EQ(StringAt(object, {"absent"}), "");
  EXPECT_EQ(Field(object, {"status", "absent"}), nullptr);
  EXPECT_EQ(*Field(object, {"status", "count"}), 3);
  EXPECT_EQ(StringAt(Json(7), {"x"}), "");
}

TEST(MetadataTest, AccessorsReadWhatTheServerSends) {
  Json object = MakeObject(kDatasets, {"ns", "name"});
  EXPECT_EQ(object["apiVersion"], "datashim.io/v1alpha1");
  EXPECT_EQ(KeyOf(object).ToString(), "ns/name");
  EXPECT_EQ(GenerationOf(object), 0);
  EXPECT_FALSE(IsBeingDeleted(object));
  object["metadata"].update({{"uid", "u"},
                             {"generation", 4},
                             {"labels", {{"a.b/c", "d"}}},
                             {"deletionTimestamp", "2026-01-01T00:00:00Z"}});
  EXPECT_EQ(UidOf(object), "u");
  EXPECT_EQ(GenerationOf(object), 4);
  EXPECT_EQ(LabelOf(object, "a.b/c"), "d");
  EXPECT_EQ(LabelOf(object, "x"), "");
  EXPECT_EQ(AnnotationOf(object, "x"), "");
  EXPECT_TRUE(IsBeingDeleted(object));
}

TEST(MetadataTest, AClusterWideObjectHasNoNamespace) {
  const Json object = MakeObject(kNamespaces, {"", "name"});
  EXPECT_FALSE(object["metadata"].contains("namespace"));
  EXPECT_EQ(KeyOf(object).ToString(), "name");
}

TEST(FinalizerTest, IsAddedAndRemovedOnce) {
  Json object = MakeObject(kDatasets, {"ns", "name"});
  EXPECT_FALSE(HasFinalizer(object, "f"));
  EXPECT_FALSE(RemoveFinalizer(object, "f"));
  EXPECT_TRUE(AddFinalizer(object, "other"));
  EXPECT_TRUE(AddFinalizer(object, "f"));
  EXPECT_FALSE(AddFinalizer(object, "f"));
  EXPECT_TRUE(HasFinalizer(object, "f"));
  EXPECT_TRUE(RemoveFinalizer(object, "f"));
  EXPECT_THAT(object["metadata"]["finalizers"], ElementsAre("other"));
}

TEST(OwnerTest, ControllerReferenceReplacesThatOfTheSameUid) {
  Json owner = MakeObject(kDatasets, {"ns", "owner"});
  owner["metadata"]["uid"] = "u1";
  Json object = MakeObject(kConfigMaps, {"ns", "name"});
  EXPECT_THAT(OwnerReferencesOf(object), IsEmpty());
  EXPECT_EQ(ControllerUidOf(object), "");
  object["metadata"]["ownerReferences"] = {{{"uid", "u0"}}, {{"uid", "u1"}}};
  EXPECT_EQ(ControllerUidOf(object), "");

  SetControllerReference(object, owner);
  EXPECT_THAT(OwnerReferencesOf(object),
              ElementsAre(OwnerReference{.uid = "u0"},
                          OwnerReference{.api_version = "datashim.io/v1alpha1",
                                         .kind = "Dataset",
                                         .name = "owner",
                                         .uid = "u1",
                                         .controller = true,
                                         .block_owner_deletion = true}));
  EXPECT_EQ(ControllerUidOf(object), "u1");
  EXPECT_TRUE(IsOwnedBy(object, "u0"));
  EXPECT_FALSE(IsOwnedBy(object, "u2"));
}

TEST(OwnerDeathTest, AnOwnerInAnotherNamespaceIsABug) {
  Json owner = MakeObject(kDatasets, {"other", "owner"});
  owner["metadata"]["uid"] = "u1";
  Json object = MakeObject(kConfigMaps, {"ns", "name"});
  EXPECT_DEATH(SetControllerReference(object, owner), "check failed");
}

TEST(ConditionTest, TransitionTimeMovesOnlyWithTheStatus) {
  Json object = MakeObject(kDatasets, {"ns", "name"});
  Condition ready = {"Ready", false, "NoBucket", "no such bucket", 1};
  EXPECT_TRUE(SetCondition(object, ready, kNow));
  EXPECT_FALSE(SetCondition(object, ready, kNow + std::chrono::hours(1)));

  ready.message = "still no such bucket";
  EXPECT_TRUE(SetCondition(object, ready, kNow + std::chrono::hours(1)));
  ASSERT_EQ(object["status"]["conditions"].size(), 1u);
  EXPECT_EQ(object["status"]["conditions"][0],
            Json({{"type", "Ready"},
                  {"status", "False"},
                  {"reason", "NoBucket"},
                  {"message", "still no such bucket"},
                  {"observedGeneration", 1},
                  {"lastTransitionTime", "2023-11-14T22:13:20Z"}}));

  ready.status = true;
  EXPECT_TRUE(SetCondition(object, ready, kNow + std::chrono::hours(1)));
  EXPECT_EQ(object["status"]["conditions"][0]["lastTransitionTime"],
            "2023-11-14T23:13:20Z");
  EXPECT_TRUE(SetCondition(object, {"Other", true, "R", "", 1}, kNow));
  EXPECT_EQ(object["status"]["conditions"].size(), 2u);
}

TEST(TimeTest, HasTheFormsOfMetaV1) {
  EXPECT_EQ(FormatTime(kNow), "2023-11-14T22:13:20Z");
  EXPECT_EQ(FormatMicroTime(kNow + std::chrono::microseconds(42)),
            "2023-11-14T22:13:20.000042Z");
}

}  // namespace
}  // namespace datashim::kube
