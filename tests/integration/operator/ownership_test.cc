// What is ours is kept right and taken down in order; what is not ours is
// never touched; and no step is lost when a process ends between two.

#include <gmock/gmock.h>

#include "cluster.h"
#include "operator/names.h"

namespace datashim::integration {
namespace {

using controllers::kDatasets;
using ::testing::HasSubstr;

class OwnershipTest : public OperatorTest {
 protected:
  kube::ObjectKey Here(const std::string& name) const {
    return {namespace_, name};
  }
  void MakeForeign(const kube::ResourceType& type, const std::string& name,
                   const Json& content) {
    Json object = kube::MakeObject(type, Here(name));
    object.update(content);
    const auto created = client().Create(type, object, Soon());
    ASSERT_TRUE(created.ok()) << created.error().message;
  }
  void StopOperator() { operator_.reset(); }
  void StartOperator() { operator_ = TestCluster::Get().StartOperator(); }
};

TEST_F(OwnershipTest, ForeignObjectsAreNotTouched) {
  MakeSecret("keys");
  MakeForeign(kube::kConfigMaps, "taken", {{"data", {{"mine", "1"}}}});
  MakeForeign(kube::kPersistentVolumeClaims, "claimed",
              {{"spec",
                {{"storageClassName", "other"},
                 {"accessModes", Json::array({"ReadWriteOnce"})},
                 {"resources", {{"requests", {{"storage", "1Gi"}}}}}}}});
  const Json config_map = FindHere(kube::kConfigMaps, "taken");
  const Json claim_spec =
      FindHere(kube::kPersistentVolumeClaims, "claimed")["spec"];
  for (const char* name : {"taken", "claimed"}) {
    MakeDataset(name);
    EXPECT_TRUE(Eventually("the conflict is told", [&] {
      return Provision(name) == "Failed" && HasEvent(name, "NameConflict");
    })) << name;
  }
  EXPECT_EQ(FindHere(kube::kConfigMaps, "taken"), config_map);
  EXPECT_TRUE(FindHere(kube::kPersistentVolumeClaims, "taken").is_null());
  EXPECT_TRUE(FindHere(kube::kConfigMaps, "claimed").is_null());

  for (const char* name : {"taken", "claimed"}) {
    Delete(kDatasets, Here(name));
    EXPECT_TRUE(EventuallyGone(kDatasets, Here(name)));
  }
  EXPECT_EQ(FindHere(kube::kConfigMaps, "taken"), config_map);
  EXPECT_EQ(FindHere(kube::kPersistentVolumeClaims, "claimed")["spec"],
            claim_spec);
}

TEST_F(OwnershipTest, AConflictEndsWhenTheForeignObjectGoes) {
  MakeSecret("keys");
  MakeForeign(kube::kConfigMaps, "weights", Json::object());
  MakeDataset("weights");
  EXPECT_TRUE(Eventually("the conflict is told", [&] {
    return ReadyReason("weights") == "NameConflict";
  }));
  Delete(kube::kConfigMaps, Here("weights"));
  EXPECT_TRUE(Eventually(
      "it is OK", [&] { return Provision("weights") == "OK"; },
      std::chrono::seconds(25)));
}

TEST_F(OwnershipTest, DriftIsRepaired) {
  MakeSecret("keys");
  MakeDataset("weights");
  ASSERT_TRUE(EventuallyBound("weights"));
  const Json wanted = FindHere(kube::kConfigMaps, "weights")["data"];

  Delete(kube::kConfigMaps, Here("weights"));
  EXPECT_TRUE(Eventually("the ConfigMap is back", [&] {
    return FindHere(kube::kConfigMaps, "weights")["data"] == wanted;
  }));
  ASSERT_TRUE(client()
                  .Patch(kube::kConfigMaps, Here("weights"),
                         kube::PatchType::kMerge,
                         {{"data", {{"bucket", "other"}}}}, Soon())
                  .ok());
  EXPECT_TRUE(Eventually("the ConfigMap is right", [&] {
    return FindHere(kube::kConfigMaps, "weights")["data"] == wanted;
  }));

  const std::string old_uid =
      kube::UidOf(FindHere(kube::kPersistentVolumeClaims, "weights"));
  Delete(kube::kPersistentVolumeClaims, Here("weights"));
  EXPECT_TRUE(Eventually("a new claim is bound", [&] {
    const Json claim = FindHere(kube::kPersistentVolumeClaims, "weights");
    return !claim.is_null() && kube::UidOf(claim) != old_uid &&
           kube::StringAt(claim, {"status", "phase"}) == "Bound";
  }));
  EXPECT_TRUE(EventuallyBound("weights"));
  EXPECT_TRUE(EventuallyGone(kube::kPersistentVolumes, {"", "pvc-" + old_uid}));
}

TEST_F(OwnershipTest, DeletionWaitsForPodsAndLeavesNothing) {
  MakeSecret("keys");
  MakeDataset("weights");
  ASSERT_TRUE(EventuallyBound("weights"));
  const std::string uid =
      kube::UidOf(FindHere(kube::kPersistentVolumeClaims, "weights"));
  MakePodWithClaim("reader", "weights");

  Delete(kDatasets, Here("weights"));
  EXPECT_TRUE(Eventually("it says who holds it up", [&] {
    return ReadyReason("weights") == "InUse" && HasEvent("weights", "InUse");
  }));
  EXPECT_EQ(Condition("weights", "InUse")["status"], "True");
  EXPECT_THAT(kube::StringAt(Condition("weights", "InUse"), {"message"}),
              HasSubstr("reader"));
  EXPECT_THAT(
      kube::StringAt(Dataset("weights"), {"status", "provision", "info"}),
      HasSubstr("waiting for pods that use it: reader"));
  EXPECT_FALSE(FindHere(kube::kConfigMaps, "weights").is_null());
  EXPECT_FALSE(VolumeSecret("weights").is_null());

  DeletePod("reader");
  EXPECT_TRUE(EventuallyGone(kDatasets, Here("weights")));
  EXPECT_TRUE(FindHere(kube::kPersistentVolumeClaims, "weights").is_null());
  EXPECT_TRUE(FindHere(kube::kConfigMaps, "weights").is_null());
  EXPECT_TRUE(Find(kube::kPersistentVolumes, {"", "pvc-" + uid}).is_null());
  EXPECT_TRUE(
      Find(kube::kSecrets, {kOperatorNamespace, "vol-" + uid}).is_null());
  EXPECT_FALSE(FindHere(kube::kSecrets, "keys").is_null());
  EXPECT_TRUE(CheckBucket(kBucket).ok());

  MakeDataset("weights");
  EXPECT_TRUE(EventuallyBound("weights"));
}

/// Upstream replaces them by the labels of a plugin's pod.
TEST_F(OwnershipTest, WhatTheOwnerNotedOnADatasetStays) {
  Json plugin = kube::MakeObject(kube::kPods,
                                 {kOperatorNamespace, namespace_ + "-plugin"});
  plugin["metadata"]["labels"] = {{"dlf-plugin-type", "caching"},
                                  {"dlf-plugin-name", "plugin"}};
  plugin["spec"]["containers"] = Json::array({{{"name", "c"}, {"image", "i"}}});
  ASSERT_TRUE(client().Create(kube::kPods, plugin, Soon()).ok());
  MakeSecret("keys");
  Json dataset = kube::MakeObject(kDatasets, Here("weights"));
  dataset["metadata"]["annotations"] = {{"example.com/note", "mine"}};
  dataset["metadata"]["labels"] = {{"team", "a"}};
  dataset["spec"]["local"] = LocalSpec();
  ASSERT_TRUE(client().Create(kDatasets, dataset, Soon()).ok());
  ASSERT_TRUE(EventuallyBound("weights"));
  const Json metadata = Dataset("weights")["metadata"];
  EXPECT_EQ(metadata["annotations"], dataset["metadata"]["annotations"]);
  EXPECT_EQ(metadata["labels"], dataset["metadata"]["labels"]);
}

TEST_F(OwnershipTest, TwoNamespacesMayUseOneName) {
  MakeSecret("keys");
  MakeDataset("weights");
  ASSERT_TRUE(EventuallyBound("weights"));
  const std::string other = TestCluster::Get().MakeNamespace();
  Json secret = FindHere(kube::kSecrets, "keys");
  secret["metadata"] = {{"name", "keys"}, {"namespace", other}};
  ASSERT_TRUE(client().Create(kube::kSecrets, secret, Soon()).ok());
  Json dataset = kube::MakeObject(kDatasets, {other, "weights"});
  dataset["spec"]["local"] = LocalSpec({{"bucket", "models/production"}});
  ASSERT_TRUE(client().Create(kDatasets, dataset, Soon()).ok());
  EXPECT_TRUE(Eventually("both are OK", [&] {
    return kube::StringAt(Find(kDatasets, {other, "weights"}),
                          {"status", "provision", "status"}) == "OK";
  }));
  Delete(kDatasets, {other, "weights"});
  EXPECT_TRUE(EventuallyGone(kDatasets, {other, "weights"}));
  EXPECT_EQ(Provision("weights"), "OK");
}

TEST_F(OwnershipTest, WorkGoesOnAfterAStop) {
  MakeSecret("keys");
  StopOperator();
  MakeDataset("waits");
  StartOperator();
  ASSERT_TRUE(EventuallyBound("waits"));
  MakeDataset("between");
  // Whatever was done of it by now.
  StopOperator();
  Delete(kDatasets, Here("waits"));
  StartOperator();
  EXPECT_TRUE(EventuallyBound("between"));
  EXPECT_TRUE(EventuallyGone(kDatasets, Here("waits")));
  EXPECT_TRUE(FindHere(kube::kConfigMaps, "waits").is_null());
}

TEST_F(OwnershipTest, AVolumeSecretOfNothingIsSwept) {
  StopOperator();
  Json orphan =
      kube::MakeObject(kube::kSecrets, {kOperatorNamespace, "vol-gone"});
  orphan["metadata"]["labels"] = {{controllers::kVolumeSecretLabel, "true"}};
  orphan["metadata"]["annotations"] = {
      {controllers::kClaimUidAnnotation, "gone"},
      {controllers::kClaimAnnotation, namespace_ + "/nothing"}};
  ASSERT_TRUE(client().Create(kube::kSecrets, orphan, Soon()).ok());
  StartOperator();
  EXPECT_TRUE(EventuallyGone(kube::kSecrets, {kOperatorNamespace, "vol-gone"}));
}

TEST_F(OwnershipTest, TheOtherReplicaTakesOver) {
  MakeSecret("keys");
  auto second = TestCluster::Get().StartOperator("op-2");
  ASSERT_TRUE(
      Eventually("the first leads", [&] { return operator_->is_leader(); }));
  EXPECT_FALSE(second->is_leader());
  MakeDataset("before");
  ASSERT_TRUE(EventuallyBound("before"));

  const auto start = std::chrono::steady_clock::now();
  StopOperator();
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10));
  EXPECT_TRUE(
      Eventually("the second leads", [&] { return second->is_leader(); }));
  MakeDataset("after");
  EXPECT_TRUE(EventuallyBound("after"));
}

}  // namespace
}  // namespace datashim::integration
