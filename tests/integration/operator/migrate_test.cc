// datashim migrate: what upstream leaves in a cluster, as its code makes it,
// becomes ours while our operator runs.

#include "migrate/migrate.h"

#include <gmock/gmock.h>

#include <span>

#include "cluster.h"
#include "migrate/plan.h"
#include "operator/names.h"

namespace datashim::integration {
namespace {

using controllers::kDatasets;
using migrate::kInternals;
using migrate::kOldDatasets;
using migrate::kOldInternals;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;

constexpr kube::ResourceType kCrds{"apiextensions.k8s.io", "v1",
                                   "CustomResourceDefinition",
                                   "customresourcedefinitions", false};
constexpr kube::ResourceType kDeployments{"apps", "v1", "Deployment",
                                          "deployments"};

class MigrateTest : public OperatorTest {
 protected:
  void SetUp() override {
    MakeCrd(kOldDatasets);
    MakeCrd(kOldInternals);
  }

  /// Upstream's, as far as it matters.
  void MakeCrd(const kube::ResourceType& type) {
    Json crd = kube::MakeObject(
        kCrds, {"", std::string(type.plural) + "." + std::string(type.group)});
    crd["spec"] = {
        {"group", type.group},
        {"scope", "Namespaced"},
        {"names", {{"kind", type.kind}, {"plural", type.plural}}},
        {"versions",
         Json::array(
             {{{"name", "v1alpha1"},
               {"served", true},
               {"storage", true},
               {"subresources", {{"status", Json::object()}}},
               {"schema",
                {{"openAPIV3Schema",
                  {{"type", "object"},
                   {"x-kubernetes-preserve-unknown-fields", true}}}}}}})}};
    ASSERT_TRUE(client().Apply(kCrds, crd, {}, Soon()).ok());
    ASSERT_TRUE(Eventually("it is served", [&] {
      return client().List(type, "", {}, Soon()).ok();
    }));
  }

  Json Create(const kube::ResourceType& type, const Json& object) {
    auto created = client().Create(type, object, Soon());
    EXPECT_TRUE(created.ok()) << created.error().message;
    return created.ok() ? *std::move(created) : Json();
  }

  /// A bucket with inline keys as upstream serves it: copy, claim bound to a
  /// volume of its driver, ConfigMap, and Secret.
  void MakeUpstream(const std::string& name, const std::string& bucket,
                    const kube::ResourceType& dataset_type = kOldDatasets,
                    const kube::ResourceType& internal_type = kOldInternals) {
    Json dataset = kube::MakeObject(dataset_type, {namespace_, name});
    dataset["metadata"]["labels"] = {{"remove-on-delete", "true"}};
    dataset["spec"]["local"] = {{"type", "COS"},
                                {"endpoint", minio().url()},
                                {"bucket", bucket},
                                {"accessKeyID", kCanaryId},
                                {"secretAccessKey", kCanaryKey}};
    // Before our operator sees it, as in a cluster that is upgraded.
    operator_.reset();
    dataset = Create(dataset_type, dataset);
    Json internal = kube::MakeObject(internal_type, {namespace_, name});
    internal["metadata"]["finalizers"] = {"dataset-finalizer"};
    internal["spec"] = dataset["spec"];
    kube::SetControllerReference(internal, dataset);
    internal = Create(internal_type, internal);

    Json claim =
        kube::MakeObject(kube::kPersistentVolumeClaims, {namespace_, name});
    claim["metadata"]["labels"] = {{"dataset", name}};
    claim["spec"] = {{"storageClassName", "upstream"},
                     {"accessModes", Json::array({"ReadWriteMany"})},
                     {"resources", {{"requests", {{"storage", "5Gi"}}}}}};
    claim = Create(kube::kPersistentVolumeClaims, claim);
    Json volume = kube::MakeObject(kube::kPersistentVolumes,
                                   {"", "pvc-" + namespace_ + name});
    volume["metadata"]["finalizers"] = {
        "external-provisioner.volume.kubernetes.io/finalizer"};
    volume["metadata"]["annotations"] = {
        {"pv.kubernetes.io/provisioned-by", "ch.ctrox.csi.s3-driver"}};
    volume["spec"] = {
        {"capacity", {{"storage", "5Gi"}}},
        {"accessModes", Json::array({"ReadWriteMany"})},
        {"persistentVolumeReclaimPolicy", "Delete"},
        {"storageClassName", "upstream"},
        {"claimRef",
         {{"kind", "PersistentVolumeClaim"},
          {"namespace", namespace_},
          {"name", name},
          {"uid", kube::UidOf(claim)}}},
        {"csi",
         {{"driver", "ch.ctrox.csi.s3-driver"}, {"volumeHandle", name}}}};
    Create(kube::kPersistentVolumes, volume);
    ASSERT_TRUE(Eventually("upstream's claim is bound", [&] {
      return kube::StringAt(FindHere(kube::kPersistentVolumeClaims, name),
                            {"status", "phase"}) == "Bound";
    }));

    Json config_map = kube::MakeObject(kube::kConfigMaps, {namespace_, name});
    config_map["metadata"]["labels"] = {{"dataset", name}};
    config_map["data"] = {{"bucket", bucket}};
    kube::SetControllerReference(config_map, internal);
    Create(kube::kConfigMaps, config_map);
    Json secret = kube::MakeObject(kube::kSecrets, {namespace_, name});
    secret["metadata"]["labels"] = {{"dataset", name}};
    secret["stringData"] = {{"accessKeyID", kCanaryId}, {"bucket", bucket}};
    Create(kube::kSecrets, secret);
    operator_ = TestCluster::Get().StartOperator();
  }

  Result<migrate::MigrateOutcome> Migrate(bool dry_run = false) {
    lines_.clear();
    return migrate::Migrate(
        client(),
        {.kubeconfig = "",
         .context = "",
         .namespace_name = namespace_,
         .dry_run = dry_run},
        [this](std::string_view line) { lines_.emplace_back(line); },
        SystemClock());
  }
  void PutFile(const std::string& bucket) {
    ASSERT_TRUE(Bucket(bucket)
                    ->Put("file", std::as_bytes(std::span("x", 1)), {}, Soon())
                    .ok());
  }
  bool HasFile(const std::string& bucket) {
    return Bucket(bucket)->Head("file", Soon()).ok();
  }
  void ExpectMigrated(const std::string& name, const std::string& bucket) {
    EXPECT_TRUE(FindHere(kOldDatasets, name).is_null());
    EXPECT_TRUE(FindHere(kOldInternals, name).is_null());
    EXPECT_TRUE(FindHere(kInternals, name).is_null());
    EXPECT_TRUE(Find(kube::kPersistentVolumes, {"", "pvc-" + namespace_ + name})
                    .is_null());
    ASSERT_TRUE(Eventually(
        "our operator serves it",
        [&] {
          const Json claim = FindHere(kube::kPersistentVolumeClaims, name);
          return Provision(name) == "OK" && !claim.is_null() &&
                 claim["spec"]["storageClassName"] == "csi-s3";
        },
        std::chrono::seconds(40)));
    EXPECT_TRUE(HasFile(bucket));
    EXPECT_EQ(kube::LabelOf(Dataset(name), "remove-on-delete"), "true");
    EXPECT_TRUE(FindHere(kube::kSecrets, name).is_null());
  }

  std::vector<std::string> lines_;
};

TEST_F(MigrateTest, ADatasetOfTheOldGroupKeepsNameAndData) {
  const std::string bucket = namespace_ + "-old";
  PutFile(bucket);
  MakeUpstream("data", bucket);
  auto outcome = Migrate(/*dry_run=*/true);
  ASSERT_TRUE(outcome.ok()) << outcome.error().message;
  EXPECT_EQ(outcome->migrated, 1);
  EXPECT_THAT(lines_,
              Contains(HasSubstr("PersistentVolumeClaim data: remove")));
  EXPECT_FALSE(FindHere(kOldDatasets, "data").is_null());
  EXPECT_TRUE(Dataset("data").is_null());
  EXPECT_EQ(Find(kube::kPersistentVolumes,
                 {"", "pvc-" + namespace_ +
                          "data"})["spec"]["persistentVolumeReclaimPolicy"],
            "Delete");

  outcome = Migrate();
  ASSERT_TRUE(outcome.ok()) << outcome.error().message;
  EXPECT_EQ(outcome->migrated, 1);
  EXPECT_EQ(outcome->refused, 0);
  ExpectMigrated("data", bucket);

  outcome = Migrate();
  ASSERT_TRUE(outcome.ok()) << outcome.error().message;
  EXPECT_EQ(outcome->migrated, 0);
}

TEST_F(MigrateTest, ADatasetOfOurGroupThatUpstreamServed) {
  const std::string bucket = namespace_ + "-recent";
  PutFile(bucket);
  MakeUpstream("data", bucket, kDatasets, kInternals);
  EXPECT_TRUE(Eventually("upstream's claim is in the way", [&] {
    return ReadyReason("data") == "NameConflict";
  }));
  const std::string uid = kube::UidOf(Dataset("data"));
  const auto outcome = Migrate();
  ASSERT_TRUE(outcome.ok()) << outcome.error().message;
  EXPECT_EQ(outcome->migrated, 1);
  ExpectMigrated("data", bucket);
  EXPECT_EQ(kube::UidOf(Dataset("data")), uid);
}

TEST_F(MigrateTest, GoesOnWhereItWasEnded) {
  const std::string bucket = namespace_ + "-ended";
  PutFile(bucket);
  MakeUpstream("data", bucket);
  // It was ended after the first of its steps that make and remove.
  const Json successor =
      migrate::ConvertDataset(FindHere(kOldDatasets, "data"));
  Create(kDatasets, successor);
  const auto outcome = Migrate();
  ASSERT_TRUE(outcome.ok()) << outcome.error().message;
  EXPECT_EQ(outcome->migrated, 1);
  ExpectMigrated("data", bucket);
}

TEST_F(MigrateTest, WhatCannotBeIsToldAndLeftAlone) {
  const std::string bucket = namespace_ + "-used";
  MakeUpstream("used", bucket);
  MakePodWithClaim("reader", "used");
  Json remote = kube::MakeObject(kOldDatasets, {namespace_, "table"});
  remote["spec"]["remote"] = {{"type", "CatalogEntry"}, {"table", "a/b"}};
  Create(kOldDatasets, remote);
  auto outcome = Migrate();
  ASSERT_TRUE(outcome.ok()) << outcome.error().message;
  EXPECT_EQ(outcome->migrated, 0);
  EXPECT_EQ(outcome->refused, 2);
  EXPECT_THAT(lines_, IsSupersetOf({HasSubstr("used by pods (reader)"),
                                    HasSubstr("spec.remote")}));
  EXPECT_FALSE(FindHere(kOldDatasets, "used").is_null());
  EXPECT_TRUE(Dataset("used").is_null());
  DeletePod("reader");
  outcome = Migrate();
  ASSERT_TRUE(outcome.ok()) << outcome.error().message;
  EXPECT_EQ(outcome->migrated, 1);
}

TEST_F(MigrateTest, UpstreamsOperatorHasToEndFirst) {
  Json deployment =
      kube::MakeObject(kDeployments, {namespace_, "dataset-operator"});
  const Json labels = {{"name", "dataset-operator"}};
  deployment["spec"]["selector"]["matchLabels"] = labels;
  deployment["spec"]["template"]["metadata"]["labels"] = labels;
  deployment["spec"]["template"]["spec"]["containers"] =
      Json::array({{{"name", "manager"},
                    {"image", "quay.io/datashim-io/dataset-operator:latest"}}});
  Create(kDeployments, deployment);
  auto outcome = Migrate();
  ASSERT_FALSE(outcome.ok());
  EXPECT_EQ(outcome.error().code, ErrorCode::kFailedPrecondition);
  EXPECT_THAT(outcome.error().message, HasSubstr("scale it to 0"));
  EXPECT_TRUE(Migrate(/*dry_run=*/true).ok());
  EXPECT_THAT(lines_, Contains(HasSubstr("scale it to 0")));
  Delete(kDeployments, {namespace_, "dataset-operator"});
  EXPECT_TRUE(EventuallyGone(kDeployments, {namespace_, "dataset-operator"}));
}

}  // namespace
}  // namespace datashim::integration
