#include "operator/volume_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <nlohmann/json.hpp>

#include "operator/names.h"

namespace datashim::controllers {
namespace {

using kube::Json;
using ::testing::HasSubstr;
using ::testing::Not;

Json Class() {
  Json storage_class = kube::MakeObject(kube::kStorageClasses, {"", "csi-s3"});
  storage_class["provisioner"] = "csi.datashim.io";
  storage_class["reclaimPolicy"] = "Delete";
  storage_class["volumeBindingMode"] = "Immediate";
  return storage_class;
}

Json Claim() {
  Json claim =
      kube::MakeObject(kube::kPersistentVolumeClaims, {"staging", "weights"});
  claim["metadata"]["uid"] = "u-1";
  claim["spec"] = Json::parse(R"({
    "storageClassName": "csi-s3",
    "accessModes": ["ReadOnlyMany"],
    "resources": {"requests": {"storage": "7Gi"}}})");
  return claim;
}

Json DatasetClaim() {
  Json claim = Claim();
  claim["metadata"]["ownerReferences"] = Json::parse(R"([{
    "apiVersion": "datashim.io/v1alpha1", "kind": "Dataset",
    "name": "weights", "uid": "d-1", "controller": true}])");
  return claim;
}

struct ServedCase {
  const char* name;
  std::function<void(Json& claim, Json& storage_class)> change;
  bool served;
};

class IsServedTest : public ::testing::TestWithParam<ServedCase> {};

TEST_P(IsServedTest, TellsOurClaims) {
  Json claim = Claim();
  Json storage_class = Class();
  GetParam().change(claim, storage_class);
  EXPECT_EQ(IsServed(claim, &storage_class), GetParam().served);
}

const ServedCase kServedCases[] = {
    {"New", [](Json&, Json&) {}, true},
    {"OtherProvisioner",
     [](Json&, Json& storage_class) {
       storage_class["provisioner"] = "ebs.csi.aws.com";
     },
     false},
    {"BeingDeleted",
     [](Json& claim, Json&) {
       claim["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z";
     },
     false},
    {"BoundToOurs",
     [](Json& claim, Json&) { claim["spec"]["volumeName"] = "pvc-u-1"; }, true},
    {"BoundToAnother",
     [](Json& claim, Json&) { claim["spec"]["volumeName"] = "mine"; }, false},
    {"WaitsForANode",
     [](Json&, Json& storage_class) {
       storage_class["volumeBindingMode"] = "WaitForFirstConsumer";
     },
     false},
    {"NodeChosen",
     [](Json& claim, Json& storage_class) {
       storage_class["volumeBindingMode"] = "WaitForFirstConsumer";
       claim["metadata"]["annotations"] = {
           {"volume.kubernetes.io/selected-node", "n1"}};
     },
     true},
};
INSTANTIATE_TEST_SUITE_P(Table, IsServedTest, ::testing::ValuesIn(kServedCases),
                         [](const auto& test) { return test.param.name; });

TEST(IsServedTest, UnknownClassIsNotOurs) {
  EXPECT_FALSE(IsServed(Claim(), nullptr));
}

TEST(DatasetOwnerTest, OnlyAControllingDatasetCounts) {
  EXPECT_FALSE(DatasetOwnerOf(Claim()));
  const auto owner = DatasetOwnerOf(DatasetClaim());
  ASSERT_TRUE(owner);
  EXPECT_EQ(owner->name, "weights");
  EXPECT_EQ(owner->uid, "d-1");

  const std::pair<const char*, Json> changes[] = {
      {"controller", false}, {"kind", "Job"}, {"apiVersion", "batch/v1"}};
  for (const auto& [key, value] : changes) {
    Json claim = DatasetClaim();
    claim["metadata"]["ownerReferences"][0][key] = value;
    EXPECT_FALSE(DatasetOwnerOf(claim)) << key;
  }
}

TEST(BuildVolumeTest, IsBoundInAdvanceAndRefersToTheSecret) {
  const Json volume =
      BuildVolume(DatasetClaim(), Class(),
                  {.operator_namespace = "dlf", .read_only = true});
  const Json expected = Json::parse(R"({
    "apiVersion": "v1", "kind": "PersistentVolume",
    "metadata": {
      "name": "pvc-u-1",
      "labels": {"dataset": "weights"},
      "finalizers": ["datashim.io/volume-secret"],
      "annotations": {
        "pv.kubernetes.io/provisioned-by": "csi.datashim.io",
        "datashim.io/claim": "staging/weights",
        "datashim.io/claim-uid": "u-1",
        "datashim.io/dataset-uid": "d-1"}},
    "spec": {
      "capacity": {"storage": "7Gi"},
      "accessModes": ["ReadOnlyMany"],
      "volumeMode": "Filesystem",
      "persistentVolumeReclaimPolicy": "Delete",
      "storageClassName": "csi-s3",
      "claimRef": {"apiVersion": "v1", "kind": "PersistentVolumeClaim",
                   "namespace": "staging", "name": "weights", "uid": "u-1"},
      "csi": {
        "driver": "csi.datashim.io", "volumeHandle": "pvc-u-1",
        "readOnly": true,
        "nodeStageSecretRef": {"name": "vol-u-1", "namespace": "dlf"},
        "nodePublishSecretRef": {"name": "vol-u-1", "namespace": "dlf"}}}})");
  EXPECT_EQ(volume, expected) << Json::diff(expected, volume).dump(1);
}

TEST(BuildVolumeTest, TakesPolicyAndOptionsFromTheClass) {
  Json storage_class = Class();
  storage_class["reclaimPolicy"] = "Retain";
  storage_class["mountOptions"] = {"noatime", "ro"};
  Json claim = Claim();
  claim["spec"].erase("accessModes");
  claim["spec"].erase("resources");
  const Json volume =
      BuildVolume(claim, storage_class,
                  {.operator_namespace = "dlf", .bucket_created = true});
  EXPECT_EQ(volume["spec"]["persistentVolumeReclaimPolicy"], "Retain");
  EXPECT_EQ(volume["spec"]["mountOptions"], Json({"noatime", "ro"}));
  EXPECT_EQ(volume["spec"]["accessModes"], Json::array({"ReadWriteMany"}));
  EXPECT_EQ(volume["spec"]["capacity"]["storage"], "5Gi");
  EXPECT_EQ(kube::AnnotationOf(volume, kBucketCreatedAnnotation), "true");
  EXPECT_FALSE(volume["metadata"].contains("labels"));
  EXPECT_EQ(kube::AnnotationOf(volume, kDatasetUidAnnotation), "");
}

TEST(VolumeSecretTest, RoundTripsAndNamesItsClaim) {
  dataset::SecretData data;
  data.emplace("bucket", SecretString("b"));
  data.emplace("secretAccessKey", SecretString(std::string("\0\xffkey", 5)));
  const Json secret = BuildVolumeSecret(Claim(), "dlf", data);
  EXPECT_EQ(kube::KeyOf(secret), (kube::ObjectKey{"dlf", "vol-u-1"}));
  EXPECT_EQ(kube::LabelOf(secret, kVolumeSecretLabel), "true");
  EXPECT_EQ(kube::AnnotationOf(secret, kClaimUidAnnotation), "u-1");
  EXPECT_EQ(kube::AnnotationOf(secret, kClaimAnnotation), "staging/weights");
  EXPECT_EQ(secret["data"]["bucket"], "Yg==");
  EXPECT_EQ(SecretDataOf(secret), data);
}

TEST(VolumeSecretTest, HostileDataIsLeftOut) {
  const Json secret =
      Json::parse(R"({"data": {"a": "not base64!", "b": 7, "c": "Yg=="}})");
  const dataset::SecretData data = SecretDataOf(secret);
  EXPECT_EQ(data.size(), 1u);
  EXPECT_TRUE(data.contains("c"));
  EXPECT_TRUE(SecretDataOf(Json::parse(R"({"data": []})")).empty());
  EXPECT_TRUE(SecretDataOf(Json::object()).empty());
}

struct VolumeCase {
  const char* name;
  const char* phase;
  bool being_deleted;
  std::function<void(Json& volume)> change;
  VolumeStep expected;
};

class PlanVolumeTest : public ::testing::TestWithParam<VolumeCase> {};

TEST_P(PlanVolumeTest, DecidesByPhaseAndPolicy) {
  Json volume = BuildVolume(Claim(), Class(), {.operator_namespace = "dlf"});
  volume["status"]["phase"] = GetParam().phase;
  if (GetParam().being_deleted) {
    volume["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z";
  }
  if (GetParam().change) GetParam().change(volume);
  EXPECT_EQ(PlanVolume(volume), GetParam().expected);
}

const VolumeCase kVolumeCases[] = {
    {"Bound", "Bound", false, nullptr, VolumeStep::kNone},
    {"Released", "Released", false, nullptr, VolumeStep::kDelete},
    {"ReleasedAndRetained", "Released", false,
     [](Json& volume) {
       volume["spec"]["persistentVolumeReclaimPolicy"] = "Retain";
     },
     VolumeStep::kNone},
    {"DeletedWhileBound", "Bound", true, nullptr, VolumeStep::kNone},
    {"Deleted", "Released", true, nullptr, VolumeStep::kFinalize},
    {"DeletedBeforeBound", "Available", true, nullptr, VolumeStep::kFinalize},
    {"Finalized", "Released", true,
     [](Json& volume) { volume["metadata"]["finalizers"] = Json::array(); },
     VolumeStep::kNone},
    {"ForeignDriver", "Released", false,
     [](Json& volume) { volume["spec"]["csi"]["driver"] = "other"; },
     VolumeStep::kNone},
    {"MadeByHandForOurDriver", "Released", false,
     [](Json& volume) { volume["metadata"].erase("annotations"); },
     VolumeStep::kNone},
};
INSTANTIATE_TEST_SUITE_P(Table, PlanVolumeTest,
                         ::testing::ValuesIn(kVolumeCases),
                         [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace datashim::controllers
