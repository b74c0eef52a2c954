#include "operator/described_volume.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "operator/names.h"
#include "operator/volume_plan.h"

namespace datashim::controllers {
namespace {

using kube::Json;

/// A Dataset's claim without a class.
Json Claim() {
  Json claim =
      kube::MakeObject(kube::kPersistentVolumeClaims, {"staging", "data"});
  claim["metadata"]["uid"] = "u-1";
  claim["metadata"]["ownerReferences"] = Json::parse(R"([{
    "apiVersion": "datashim.io/v1alpha1", "kind": "Dataset",
    "name": "data", "uid": "d-1", "controller": true}])");
  claim["spec"] = Json::parse(R"({
    "storageClassName": "", "accessModes": ["ReadWriteMany"],
    "resources": {"requests": {"storage": "5Gi"}}})");
  return claim;
}

Json VolumeOf(dataset::StringMap local) {
  dataset::Dataset dataset;
  dataset.name = "data";
  dataset.namespace_name = "staging";
  dataset.local = std::move(local);
  const auto spec = dataset::Validate(dataset);
  EXPECT_TRUE(spec.ok()) << spec.error().message;
  return BuildDescribedVolume(Claim(), *spec);
}

TEST(DescribedVolumeTest, IsBoundToTheClaimAndKept) {
  const Json volume =
      VolumeOf({{"type", "NFS"}, {"server", "s"}, {"share", "/x"}});
  EXPECT_EQ(kube::NameOf(volume), "pvc-u-1");
  EXPECT_EQ(volume["spec"]["claimRef"]["uid"], "u-1");
  EXPECT_EQ(volume["spec"]["claimRef"]["namespace"], "staging");
  EXPECT_EQ(volume["spec"]["storageClassName"], "");
  EXPECT_EQ(volume["spec"]["persistentVolumeReclaimPolicy"], "Retain");
  EXPECT_EQ(kube::AnnotationOf(volume, kDatasetUidAnnotation), "d-1");
  EXPECT_TRUE(kube::HasFinalizer(volume, kVolumeFinalizer));
}

TEST(DescribedVolumeTest, Nfs) {
  Json volume = VolumeOf({{"type", "NFS"},
                          {"server", "10.0.0.1"},
                          {"share", "/x"},
                          {"version", "4.1"},
                          {"readonly", "true"}});
  EXPECT_EQ(volume["spec"]["nfs"], Json::parse(R"({
    "server": "10.0.0.1", "path": "/x", "readOnly": true})"));
  EXPECT_EQ(volume["spec"]["mountOptions"], Json::array({"nfsvers=4.1"}));
}

TEST(DescribedVolumeTest, HostIsTheDirectoryOfEachNode) {
  Json volume = VolumeOf({{"type", "HOST"}, {"path", "/data"}});
  EXPECT_EQ(volume["spec"]["hostPath"],
            Json::parse(R"({"path": "/data", "type": "Directory"})"));
  EXPECT_FALSE(volume["spec"].contains("nodeAffinity"));
  EXPECT_FALSE(volume["spec"].contains("mountOptions"));

  volume = VolumeOf({{"type", "HOST"},
                     {"path", "/data"},
                     {"hostPathType", "CreateNew"},
                     {"node-selector", "disk=ssd"}});
  EXPECT_EQ(volume["spec"]["hostPath"]["type"], "DirectoryOrCreate");
  EXPECT_EQ(volume["spec"]["nodeAffinity"], Json::parse(R"({"required":
    {"nodeSelectorTerms": [{"matchExpressions": [
      {"key": "disk", "operator": "In", "values": ["ssd"]}]}]}})"));
}

/// Whichever pod mounts the claim, and however.
TEST(DescribedVolumeTest, ReadOnlyHostIsMountedReadOnly) {
  Json volume = VolumeOf(
      {{"type", "HOST"}, {"path", "/data"}, {"permissions", "ReadOnly"}});
  EXPECT_EQ(volume["spec"]["local"], Json::parse(R"({"path": "/data"})"));
  EXPECT_EQ(volume["spec"]["mountOptions"], Json::array({"ro"}));
  EXPECT_EQ(volume["spec"]["nodeAffinity"], Json::parse(R"({"required":
    {"nodeSelectorTerms": [{"matchExpressions": [
      {"key": "kubernetes.io/hostname", "operator": "Exists"}]}]}})"));
  EXPECT_FALSE(volume["spec"].contains("hostPath"));
}

TEST(DescribedVolumeTest, CsiTakesSecretsOfTheOwnNamespaceOnly) {
  Json volume = VolumeOf({{"type", "CSI"},
                          {"driver", "nfs.csi.k8s.io"},
                          {"volumeHandle", "h"},
                          {"fsType", "ext4"},
                          {"attributes.server", "s"},
                          {"node-stage-secret-name", "keys"}});
  EXPECT_EQ(volume["spec"]["csi"], Json::parse(R"({
    "driver": "nfs.csi.k8s.io", "volumeHandle": "h", "fsType": "ext4",
    "readOnly": false, "volumeAttributes": {"server": "s"},
    "nodeStageSecretRef": {"name": "keys", "namespace": "staging"}})"));
}

TEST(DescribedVolumeTest, GoesWithItsClaim) {
  Json volume = VolumeOf({{"type", "HOST"}, {"path", "/data"}});
  EXPECT_TRUE(IsDescribed(Claim()));
  EXPECT_TRUE(IsServed(Claim(), nullptr));
  volume["status"]["phase"] = "Bound";
  EXPECT_EQ(PlanVolume(volume), VolumeStep::kNone);
  volume["status"]["phase"] = "Released";
  EXPECT_EQ(PlanVolume(volume), VolumeStep::kDelete);
  volume["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z";
  EXPECT_EQ(PlanVolume(volume), VolumeStep::kFinalize);
  // Somebody else's looks alike but is not marked.
  volume["metadata"]["annotations"].erase(kDescribedAnnotation);
  EXPECT_EQ(PlanVolume(volume), VolumeStep::kNone);
}

TEST(DescribedVolumeTest, AClaimOfAnybodyElseIsNot) {
  Json claim = Claim();
  claim["metadata"].erase("ownerReferences");
  EXPECT_FALSE(IsDescribed(claim));
  EXPECT_FALSE(IsServed(claim, nullptr));
  claim = Claim();
  claim["spec"].erase("storageClassName");
  EXPECT_FALSE(IsDescribed(claim));
  claim["spec"]["storageClassName"] = "other";
  EXPECT_FALSE(IsDescribed(claim));
}

}  // namespace
}  // namespace datashim::controllers
