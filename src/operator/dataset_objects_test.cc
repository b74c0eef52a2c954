#include "operator/dataset_objects.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "operator/names.h"
#include "operator/volume_plan.h"

namespace datashim::controllers {
namespace {

using kube::Json;
using ::testing::HasSubstr;
using ::testing::Not;

/// A Dataset with inline keys that must turn up in Secrets only.
class DatasetObjectsTest : public ::testing::Test {
 protected:
  DatasetObjectsTest() {
    object_ = Json::parse(R"({
      "apiVersion": "datashim.io/v1alpha1", "kind": "Dataset",
      "metadata": {"name": "weights", "namespace": "staging", "uid": "d-1",
                   "generation": 1},
      "spec": {"local": {
        "type": "COS", "endpoint": "http://minio:9000",
        "bucket": "models/llama", "region": "eu-1", "readonly": "true",
        "accessKeyID": "canary-id", "secretAccessKey": "canary-key"}}})");
    Parse();
  }

  void Parse() {
    auto parsed = dataset::ParseDataset(object_);
    ASSERT_TRUE(parsed.ok()) << parsed.error().message;
    dataset_ = *std::move(parsed);
    auto spec = dataset::Validate(dataset_);
    ASSERT_TRUE(spec.ok()) << spec.error().message;
    spec_ = *std::move(spec);
  }

  DatasetSource source() const { return {object_, dataset_, spec_}; }

  Json object_;
  dataset::Dataset dataset_;
  dataset::ResolvedSpec spec_;
};

TEST_F(DatasetObjectsTest, ConfigMapSaysWhereButNotTheKeys) {
  const Json config_map = BuildConfigMap(source());
  EXPECT_EQ(kube::KeyOf(config_map), (kube::ObjectKey{"staging", "weights"}));
  EXPECT_EQ(kube::LabelOf(config_map, "dataset"), "weights");
  EXPECT_TRUE(kube::IsOwnedBy(config_map, "d-1"));
  EXPECT_EQ(config_map["data"]["endpoint"], "http://minio:9000");
  EXPECT_EQ(config_map["data"]["bucket"], "models");
  EXPECT_EQ(config_map["data"]["region"], "eu-1");
  EXPECT_TRUE(config_map["data"].contains("folder"));
  EXPECT_THAT(config_map.dump(), Not(HasSubstr("canary")));
}

TEST_F(DatasetObjectsTest, ClaimIsWhatUpstreamMakes) {
  const Json claim = BuildClaim(source());
  EXPECT_EQ(kube::KeyOf(claim), (kube::ObjectKey{"staging", "weights"}));
  EXPECT_EQ(kube::LabelOf(claim, "dataset"), "weights");
  EXPECT_EQ(kube::ControllerUidOf(claim), "d-1");
  EXPECT_EQ(claim["spec"], Json::parse(R"({
    "accessModes": ["ReadOnlyMany"], "storageClassName": "csi-s3",
    "resources": {"requests": {"storage": "5Gi"}}})"));
  EXPECT_THAT(claim.dump(), Not(HasSubstr("canary")));
  ASSERT_TRUE(DatasetOwnerOf(claim));
  EXPECT_EQ(DatasetOwnerOf(claim)->uid, "d-1");

  object_["spec"]["local"].erase("readonly");
  Parse();
  EXPECT_EQ(BuildClaim(source())["spec"]["accessModes"],
            Json::array({"ReadWriteMany"}));
}

TEST_F(DatasetObjectsTest, EnvSecretHasTheKeys) {
  const Json secret = BuildEnvSecret(source(), spec_.bucket()->config);
  EXPECT_EQ(kube::KeyOf(secret), (kube::ObjectKey{"staging", "weights"}));
  EXPECT_EQ(kube::ControllerUidOf(secret), "d-1");
  const dataset::SecretData data = SecretDataOf(secret);
  EXPECT_EQ(data.at("accessKeyID").Reveal(), "canary-id");
  EXPECT_EQ(data.at("secretAccessKey").Reveal(), "canary-key");
  EXPECT_EQ(data.at("bucket").Reveal(), "models");
}

TEST_F(DatasetObjectsTest, OwnershipIsTheControllersUid) {
  const Json claim = BuildClaim(source());
  EXPECT_EQ(OwnershipOf(nullptr, "d-1"), Ownership::kAbsent);
  EXPECT_EQ(OwnershipOf(&claim, "d-1"), Ownership::kOurs);
  EXPECT_EQ(OwnershipOf(&claim, "d-2"), Ownership::kForeign);
  Json by_hand = claim;
  by_hand["metadata"].erase("ownerReferences");
  EXPECT_EQ(OwnershipOf(&by_hand, "d-1"), Ownership::kForeign);
}

TEST_F(DatasetObjectsTest, ChangesOfTheSpecAreSeenAndMerged) {
  const Json desired = BuildConfigMap(source());
  Json stored = desired;
  stored["metadata"]["resourceVersion"] = "7";
  stored["metadata"]["labels"]["team"] = "ml";
  EXPECT_TRUE(ObserveChild(&stored, desired, "d-1").current);

  stored["data"]["bucket"] = "old";
  EXPECT_FALSE(ObserveChild(&stored, desired, "d-1").current);
  Json merged = MergeChild(stored, desired);
  EXPECT_TRUE(ObserveChild(&merged, desired, "d-1").current);
  EXPECT_EQ(kube::ResourceVersionOf(merged), "7");
  EXPECT_EQ(kube::LabelOf(merged, "team"), "ml");

  stored = desired;
  stored["metadata"].erase("labels");
  EXPECT_FALSE(ObserveChild(&stored, desired, "d-1").current);
  EXPECT_TRUE(
      ObserveChild(&(merged = MergeChild(stored, desired)), desired, "d-1")
          .current);
}

TEST_F(DatasetObjectsTest, ClaimFollowsThePlaceByItsAnnotation) {
  Json claim = BuildClaim(source());
  claim["status"]["phase"] = "Bound";
  claim["spec"]["volumeName"] = "pvc-9";
  ClaimObservation seen = ObserveClaim(&claim, BuildClaim(source()), "d-1");
  EXPECT_TRUE(seen.current);
  EXPECT_EQ(seen.phase, ClaimPhase::kBound);
  EXPECT_EQ(seen.volume_name, "pvc-9");

  object_["spec"]["local"]["bucket"] = "models/mistral";
  Parse();
  seen = ObserveClaim(&claim, BuildClaim(source()), "d-1");
  EXPECT_FALSE(seen.current);
  claim = MergeChild(claim, BuildClaim(source()));
  EXPECT_TRUE(ObserveClaim(&claim, BuildClaim(source()), "d-1").current);

  claim["status"]["phase"] = "Lost";
  EXPECT_EQ(ObserveClaim(&claim, claim, "d-1").phase, ClaimPhase::kLost);
}

}  // namespace
}  // namespace datashim::controllers
