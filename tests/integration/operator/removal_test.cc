// remove-on-delete: which data goes with a Dataset, and all the data that must
// not.

#include <gmock/gmock.h>

#include <span>

#include "cluster.h"
#include "operator/names.h"

namespace datashim::integration {
namespace {

using controllers::kDatasets;
using ::testing::HasSubstr;

const Json kWithData = {{"remove-on-delete", "true"}};

class RemovalTest : public OperatorTest {
 protected:
  void SetUp() override { MakeSecret("keys"); }

  void Put(const std::string& bucket, const std::string& key) {
    const auto put =
        Bucket(bucket)->Put(key, std::as_bytes(std::span("x", 1)), {}, Soon());
    ASSERT_TRUE(put.ok()) << put.error().message;
  }
  bool Exists(const std::string& bucket, const std::string& key) {
    return Bucket(bucket)->Head(key, Soon()).ok();
  }
  /// @param labels of the Dataset.
  void Make(const std::string& name, const Json& changes,
            const Json& labels = Json::object()) {
    Json dataset = kube::MakeObject(kDatasets, {namespace_, name});
    dataset["metadata"]["labels"] = labels;
    dataset["spec"]["local"] = LocalSpec(changes);
    const auto created = client().Create(kDatasets, dataset, Soon());
    ASSERT_TRUE(created.ok()) << created.error().message;
    ASSERT_TRUE(EventuallyBound(name));
  }
  void DeleteDataset(const std::string& name) {
    Delete(kDatasets, {namespace_, name});
    EXPECT_TRUE(EventuallyGone(kDatasets, {namespace_, name}));
  }
  void SetLabel(const std::string& name, const char* value) {
    const Json patch = {
        {"metadata", {{"labels", {{"remove-on-delete", value}}}}}};
    const auto patched = client().Patch(kDatasets, {namespace_, name},
                                        kube::PatchType::kMerge, patch, Soon());
    ASSERT_TRUE(patched.ok()) << patched.error().message;
  }
  bool EventuallyTold(const std::string& name, const std::string& reason) {
    return Eventually("event " + reason,
                      [&] { return HasEvent(name, reason); });
  }
  std::string Name(const char* suffix) const { return namespace_ + suffix; }
};

TEST_F(RemovalTest, TheDatasetsOwnFolderGoesAndNothingElse) {
  const std::string bucket = Name("-folder");
  for (const char* key : {"team/a", "team/b/c", "team2/a", "other"}) {
    Put(bucket, key);
  }
  Make("mine", {{"bucket", bucket + "/team"}}, kWithData);
  DeleteDataset("mine");
  EXPECT_FALSE(Exists(bucket, "team/a"));
  EXPECT_FALSE(Exists(bucket, "team/b/c"));
  EXPECT_TRUE(Exists(bucket, "team2/a"));
  EXPECT_TRUE(Exists(bucket, "other"));
  EXPECT_TRUE(EventuallyTold("mine", "DataRemoved"));
}

TEST_F(RemovalTest, OnlyABucketThatWeMadeGoes) {
  const std::string ours = Name("-ours");
  const std::string theirs = Name("-theirs");
  Put(theirs, "a");
  for (const auto& bucket : {ours, theirs}) {
    Make(bucket, {{"bucket", bucket},
                  {"provision", "true"},
                  {"remove-on-delete", "true"}});
  }
  Put(ours, "a");
  // The claim is made anew, and its volume knows nothing of the bucket.
  const std::string uid =
      kube::UidOf(FindHere(kube::kPersistentVolumeClaims, ours));
  Delete(kube::kPersistentVolumeClaims, {namespace_, ours});
  ASSERT_TRUE(Eventually("there is another claim", [&] {
    const Json claim = FindHere(kube::kPersistentVolumeClaims, ours);
    return !claim.is_null() && kube::UidOf(claim) != uid &&
           Provision(ours) == "OK";
  }));
  EXPECT_TRUE(Exists(ours, "a"));

  DeleteDataset(ours);
  DeleteDataset(theirs);
  EXPECT_EQ(CheckBucket(ours).error().code, ErrorCode::kNotFound);
  EXPECT_TRUE(CheckBucket(theirs).ok());
  EXPECT_FALSE(Exists(theirs, "a"));
}

TEST_F(RemovalTest, NothingGoesUnlessThatIsSaid) {
  const std::string bucket = Name("-kept");
  Put(bucket, "a");
  Make("plain", {{"bucket", bucket}});
  DeleteDataset("plain");
  // The label is there, and says no.
  Make("no", {{"bucket", bucket}, {"removeOnDelete", "true"}},
       {{"remove-on-delete", "false"}});
  DeleteDataset("no");
  Make("frozen", {{"bucket", bucket}, {"readonly", "true"}}, kWithData);
  DeleteDataset("frozen");
  EXPECT_TRUE(EventuallyTold("frozen", "DataKept"));
  EXPECT_TRUE(Exists(bucket, "a"));
}

TEST_F(RemovalTest, DataOfTwoGoesWithTheLast) {
  const std::string bucket = Name("-shared");
  Put(bucket, "team/a");
  Put(bucket, "team/deep/a");
  Make("outer", {{"bucket", bucket + "/team"}}, kWithData);
  Make("inner", {{"bucket", bucket + "/team/deep"}}, kWithData);
  DeleteDataset("inner");
  EXPECT_TRUE(EventuallyTold("inner", "DataKept"));
  EXPECT_TRUE(Exists(bucket, "team/deep/a"));
  DeleteDataset("outer");
  EXPECT_FALSE(Exists(bucket, "team/a"));
  EXPECT_FALSE(Exists(bucket, "team/deep/a"));
}

TEST_F(RemovalTest, AClaimWithoutADatasetCountsAsWell) {
  const std::string bucket = Name("-claimed");
  Put(bucket, "a");
  MakeSecret("plain", {{"accessKeyID", kCanaryId},
                       {"secretAccessKey", kCanaryKey},
                       {"endpoint", minio().url()},
                       {"bucket", bucket}});
  MakeClaimWithoutDataset("plain");
  ASSERT_TRUE(Eventually("it has its Secret",
                         [&] { return !VolumeSecret("plain").is_null(); }));
  Make("mine", {{"bucket", bucket}}, kWithData);
  DeleteDataset("mine");
  EXPECT_TRUE(EventuallyTold("mine", "DataKept"));
  EXPECT_TRUE(Exists(bucket, "a"));
}

TEST_F(RemovalTest, AStopInBetweenLosesNothing) {
  const std::string bucket = Name("-large");
  for (int i = 0; i < 1500; ++i) Put(bucket, "k" + std::to_string(i));
  Make("mine", {{"bucket", bucket}}, kWithData);
  Delete(kDatasets, {namespace_, "mine"});
  // At any point of the removal.
  RestartOperator({});
  EXPECT_TRUE(EventuallyGone(kDatasets, {namespace_, "mine"}));
  const auto left = Bucket(bucket)->List({}, Soon());
  ASSERT_TRUE(left.ok()) << left.error().message;
  EXPECT_TRUE(left->objects.empty());
}

TEST_F(RemovalTest, WhatFailsIsToldAndTheLabelEndsIt) {
  const std::string bucket = Name("-stuck");
  Put(bucket, "a");
  Make("mine", {{"bucket", bucket}}, kWithData);
  ASSERT_TRUE(minio().Restart("other-id", "other-secret-key").ok());
  Delete(kDatasets, {namespace_, "mine"});
  EXPECT_TRUE(Eventually("the reason is told", [&] {
    return ReadyReason("mine") == "DataRemovalFailed" &&
           HasEvent("mine", "DataRemovalFailed");
  }));
  EXPECT_THAT(Condition("mine", "Ready")["message"].get<std::string>(),
              HasSubstr("remove-on-delete=false"));
  SetLabel("mine", "false");
  EXPECT_TRUE(EventuallyGone(kDatasets, {namespace_, "mine"}));
  ASSERT_TRUE(minio().Restart().ok());
  EXPECT_TRUE(Exists(bucket, "a"));
}

TEST_F(RemovalTest, PodsComeFirst) {
  const std::string bucket = Name("-used");
  Put(bucket, "a");
  Make("mine", {{"bucket", bucket}}, kWithData);
  MakePodWithClaim("reader", "mine");
  Delete(kDatasets, {namespace_, "mine"});
  EXPECT_TRUE(Eventually("the pod is named", [&] {
    return Condition("mine", "InUse")["status"] == "True";
  }));
  EXPECT_TRUE(Exists(bucket, "a"));
  DeletePod("reader");
  EXPECT_TRUE(EventuallyGone(kDatasets, {namespace_, "mine"}));
  EXPECT_FALSE(Exists(bucket, "a"));
}

}  // namespace
}  // namespace datashim::integration
