#include "migrate/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace datashim::migrate {
namespace {

using kube::Json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Json Object(const kube::ResourceType& type, const std::string& uid,
            const kube::ObjectKey& key = {"team", "data"}) {
  Json object = kube::MakeObject(type, key);
  object["metadata"]["uid"] = uid;
  return object;
}

Json Labelled(const kube::ResourceType& type, const std::string& uid) {
  Json object = Object(type, uid);
  object["metadata"]["labels"] = {{"dataset", "data"}};
  return object;
}

/// As upstream leaves a bucket with inline keys.
Found Bucket() {
  Found found;
  found.dataset = Object(kOldDatasets, "old");
  found.dataset["metadata"]["labels"] = {{"remove-on-delete", "true"}};
  found.dataset["metadata"]["annotations"] = {
      {"kubectl.kubernetes.io/last-applied-configuration", "{}"},
      {"dlf-plugin-name", "ceph"},
      {"mine", "x"}};
  found.dataset["metadata"]["finalizers"] = {"hpsys.ibm.ie.com"};
  found.dataset["spec"]["local"] = {{"type", "COS"},
                                    {"endpoint", "http://minio:9000"},
                                    {"bucket", "bucket"},
                                    {"accessKeyID", "id"},
                                    {"secretAccessKey", "hush"}};
  found.internal = Object(kOldInternals, "internal");
  found.claim = Labelled(kube::kPersistentVolumeClaims, "claim");
  found.volume = Object(kube::kPersistentVolumes, "volume", {"", "pvc-claim"});
  (*found.volume)["spec"]["persistentVolumeReclaimPolicy"] = "Delete";
  found.config_map = Object(kube::kConfigMaps, "config");
  (*found.config_map)["metadata"]["ownerReferences"] =
      Json::array({{{"apiVersion", kOldInternals.ApiVersion()},
                    {"kind", "DatasetInternal"},
                    {"name", "data"},
                    {"uid", "internal"},
                    {"controller", true}}});
  found.secret = Labelled(kube::kSecrets, "secret");
  return found;
}

std::vector<std::string> Texts(const Found& found) {
  const Plan plan = PlanMigration(found);
  EXPECT_FALSE(plan.refusal) << *plan.refusal;
  std::vector<std::string> texts;
  for (const Step& step : plan.steps) {
    texts.push_back(
        step.text.substr(0, step.text.find(": ", step.text.find(": ") + 1)));
  }
  return texts;
}

std::string Refusal(const Found& found) {
  return PlanMigration(found).refusal.value_or("none");
}

TEST(PlanTest, TheDataIsSafeBeforeAnythingGoes) {
  EXPECT_THAT(Texts(Bucket()),
              ElementsAre("PersistentVolume pvc-claim: retain",
                          "Dataset.datashim.io data: create",
                          "DatasetInternal.com.ie.ibm.hpsys data: remove",
                          "PersistentVolumeClaim data: remove",
                          "ConfigMap data: remove", "Secret data: remove",
                          "PersistentVolume pvc-claim: remove",
                          "Dataset.com.ie.ibm.hpsys data: remove"));
}

TEST(PlanTest, GoesOnWhereItWasEnded) {
  Found found = Bucket();
  found.new_dataset = ConvertDataset(found.dataset);
  (*found.new_dataset)["metadata"]["uid"] = "new";
  (*found.volume)["spec"]["persistentVolumeReclaimPolicy"] = "Retain";
  found.internal.reset();
  EXPECT_THAT(
      Texts(found),
      ElementsAre("PersistentVolumeClaim data: remove", "Secret data: remove",
                  "PersistentVolume pvc-claim: remove",
                  "Dataset.com.ie.ibm.hpsys data: remove"));
  // The operator has made its own claim already.
  (*found.claim)["metadata"]["ownerReferences"] =
      Json::array({{{"uid", "new"}, {"controller", true}}});
  found.secret.reset();
  found.config_map.reset();
  EXPECT_THAT(Texts(found),
              ElementsAre("Dataset.com.ie.ibm.hpsys data: remove"));
}

TEST(PlanTest, OfOurOwnGroupTheDatasetStays) {
  Found found = Bucket();
  found.dataset = ConvertDataset(found.dataset);
  found.dataset["metadata"]["uid"] = "new";
  found.new_dataset = found.dataset;
  found.is_of_our_group = true;
  EXPECT_THAT(Texts(found),
              ElementsAre("PersistentVolume pvc-claim: retain",
                          "DatasetInternal.datashim.io data: remove",
                          "PersistentVolumeClaim data: remove",
                          "ConfigMap data: remove", "Secret data: remove",
                          "PersistentVolume pvc-claim: remove"));
}

TEST(PlanTest, WhatIsPeoplesStays) {
  Found found = Bucket();
  found.dataset["spec"]["local"].erase("accessKeyID");
  found.dataset["spec"]["local"].erase("secretAccessKey");
  found.dataset["spec"]["local"]["secret-name"] = "data";
  found.config_map = Object(kube::kConfigMaps, "config");
  for (const std::string& text : Texts(found)) {
    EXPECT_EQ(text.find("Secret"), std::string::npos);
    EXPECT_EQ(text.find("ConfigMap"), std::string::npos);
  }
  found = Bucket();
  found.secret = Object(kube::kSecrets, "secret");  // Without the label.
  for (const std::string& text : Texts(found)) {
    EXPECT_EQ(text.find("Secret"), std::string::npos);
  }
}

TEST(PlanTest, LabelsAndAnnotationsOfPeopleComeAlong) {
  const Json converted = ConvertDataset(Bucket().dataset);
  EXPECT_EQ(converted["apiVersion"], "datashim.io/v1alpha1");
  EXPECT_EQ(converted["metadata"]["labels"]["remove-on-delete"], "true");
  EXPECT_EQ(converted["metadata"]["annotations"], (Json{{"mine", "x"}}));
  EXPECT_FALSE(converted["metadata"].contains("finalizers"));
  EXPECT_FALSE(converted.contains("status"));
}

TEST(PlanTest, WhatCannotBeIsRefusedWithTheReason) {
  Found found = Bucket();
  found.pods = {"a", "b"};
  EXPECT_THAT(Refusal(found), HasSubstr("pods (a, b)"));
  found = Bucket();
  found.claim = Object(kube::kPersistentVolumeClaims, "claim");
  EXPECT_THAT(Refusal(found), HasSubstr("not made by upstream"));
  found = Bucket();
  found.dataset["spec"] = {{"remote", {{"type", "CatalogEntry"}}}};
  EXPECT_THAT(Refusal(found), HasSubstr("spec.remote"));
  found = Bucket();
  found.dataset["spec"]["local"]["type"] = "HOST";
  found.dataset["spec"]["local"]["path"] = "/etc";
  EXPECT_THAT(Refusal(found), HasSubstr("system directory"));
  found = Bucket();
  found.new_dataset = Object(kDatasets, "new");
  (*found.new_dataset)["spec"]["local"]["bucket"] = "other";
  EXPECT_THAT(Refusal(found), HasSubstr("another spec"));
  EXPECT_EQ(Refusal(found).find("hush"), std::string::npos);
}

TEST(PlanTest, AnArchiveIsUnpackedAnewAndTheOldBucketIsNamed) {
  Found found = Bucket();
  found.dataset["spec"] = {{"type", "ARCHIVE"},
                           {"url", "https://example.com/a.tar"},
                           {"extract", "true"}};
  (*found.internal)["spec"]["local"] = {{"bucket", "uuid-bucket"},
                                        {"endpoint", "http://minio:9000"}};
  EXPECT_THAT(PlanMigration(found).notes,
              ElementsAre(HasSubstr("uuid-bucket at http://minio:9000")));
}

TEST(PlanTest, FinalizersOfWhatIsGone) {
  Json object = Object(kOldInternals, "x");
  object["metadata"]["finalizers"] = {
      "dataset-finalizer", "kubernetes.io/pvc-protection",
      "external-provisioner.volume.kubernetes.io/finalizer"};
  EXPECT_TRUE(DropFinalizers(object));
  EXPECT_EQ(object["metadata"]["finalizers"],
            Json::array({"kubernetes.io/pvc-protection"}));
  EXPECT_FALSE(DropFinalizers(object));
}

TEST(PlanTest, OperatorsOfUpstream) {
  const auto deployment = [](const char* name, const char* image,
                             int replicas) {
    Json object = Json{{"metadata", {{"namespace", "dlf"}, {"name", name}}}};
    object["spec"] = {{"replicas", replicas}};
    object["spec"]["template"]["spec"]["containers"] =
        Json::array({{{"image", image}}});
    return object;
  };
  EXPECT_THAT(
      RunningOperators(
          {deployment("a", "quay.io/datashim-io/dataset-operator:latest", 1),
           deployment("b", "quay.io/datashim-io/dataset-operator", 0),
           deployment("c", "quay.io/datashim-io/datashim:0.5", 2),
           deployment("d", "host:5000/x/dataset-operator@sha256:00", 1)}),
      ElementsAre("dlf/a", "dlf/d"));
  EXPECT_THAT(RunningOperators({}), IsEmpty());
}

}  // namespace
}  // namespace datashim::migrate
