// Datasets of other types than buckets: NFS, HOST and CSI, from their creation
// to their end, and what the administrator turns off.

#include <gmock/gmock.h>

#include "cluster.h"
#include "operator/names.h"

namespace datashim::integration {
namespace {

using controllers::kDatasets;
using ::testing::HasSubstr;

class TypesTest : public OperatorTest {
 protected:
  void Make(const std::string& name, const Json& local) {
    Json dataset = kube::MakeObject(kDatasets, {namespace_, name});
    dataset["spec"]["local"] = local;
    const auto created = client().Create(kDatasets, dataset, Soon());
    ASSERT_TRUE(created.ok()) << created.error().message;
  }
  Json VolumeOf(const std::string& claim_name) {
    const Json claim = FindHere(kube::kPersistentVolumeClaims, claim_name);
    return Find(kube::kPersistentVolumes, {"", "pvc-" + kube::UidOf(claim)});
  }
  void EndsWithoutTrace(const std::string& name) {
    const Json volume = VolumeOf(name);
    Delete(kDatasets, {namespace_, name});
    EXPECT_TRUE(EventuallyGone(kDatasets, {namespace_, name}));
    EXPECT_TRUE(FindHere(kube::kPersistentVolumeClaims, name).is_null());
    EXPECT_TRUE(Find(kube::kPersistentVolumes, kube::KeyOf(volume)).is_null());
  }
};

TEST_F(TypesTest, AShareIsBoundAndCanBeMadeAnew) {
  const Json local = {{"type", "NFS"},
                      {"server", "10.0.0.1"},
                      {"share", "/exports/data"},
                      {"mount-options", "hard"}};
  Make("share", local);
  ASSERT_TRUE(EventuallyBound("share"));
  EXPECT_EQ(VolumeOf("share")["spec"]["nfs"]["path"], "/exports/data");
  EXPECT_TRUE(FindHere(kube::kConfigMaps, "share").is_null());
  EXPECT_EQ(Condition("share", "Ready")["status"], "True");
  EXPECT_TRUE(Condition("share", "CredentialsValid").is_null());
  EndsWithoutTrace("share");
  Make("share", local);
  EXPECT_TRUE(EventuallyBound("share"));
}

TEST_F(TypesTest, TwoNamespacesMayHaveTheSameShareUnderOneName) {
  const Json local = {{"type", "NFS"}, {"server", "s"}, {"share", "/x"}};
  Make("share", local);
  const std::string other = TestCluster::Get().MakeNamespace();
  Json dataset = kube::MakeObject(kDatasets, {other, "share"});
  dataset["spec"]["local"] = local;
  ASSERT_TRUE(client().Create(kDatasets, dataset, Soon()).ok());
  EXPECT_TRUE(EventuallyBound("share"));
  EXPECT_TRUE(Eventually("the other is OK", [&] {
    return kube::StringAt(Find(kDatasets, {other, "share"}),
                          {"status", "provision", "status"}) == "OK";
  }));
}

TEST_F(TypesTest, H3IsAVolumeOfItsDriver) {
  Make("h3", {{"type", "H3"},
              {"storageUri", "redis://redis.default.svc:6379"},
              {"bucket", "b1"}});
  ASSERT_TRUE(EventuallyBound("h3"));
  const Json csi = VolumeOf("h3")["spec"]["csi"];
  EXPECT_EQ(csi["driver"], "csi-h3");
  EXPECT_EQ(csi["volumeAttributes"]["storageUri"],
            "redis://redis.default.svc:6379");
  EXPECT_EQ(csi["volumeAttributes"]["bucket"], "b1");
  EndsWithoutTrace("h3");
}

TEST_F(TypesTest, ADirectoryOfTheNode) {
  Make("host", {{"type", "HOST"}, {"path", "/data//models"}});
  Make("host-ro",
       {{"type", "HOST"}, {"path", "/data"}, {"permissions", "ReadOnly"}});
  ASSERT_TRUE(EventuallyBound("host"));
  EXPECT_EQ(VolumeOf("host")["spec"]["hostPath"]["path"], "/data/models");
  ASSERT_TRUE(EventuallyBound("host-ro"));
  EXPECT_EQ(VolumeOf("host-ro")["spec"]["mountOptions"], Json::array({"ro"}));
  EXPECT_EQ(
      FindHere(kube::kPersistentVolumeClaims, "host-ro")["spec"]["accessModes"],
      Json::array({"ReadOnlyMany"}));
  EndsWithoutTrace("host");
  EndsWithoutTrace("host-ro");
}

TEST_F(TypesTest, ASystemDirectoryMakesNothing) {
  // What CEL in the CRD does not see.
  Make("kubelet", {{"type", "HOST"}, {"path", "/var/lib/kubelet/pods"}});
  EXPECT_TRUE(Eventually("it is refused", [&] {
    return Provision("kubelet") == "Failed" &&
           HasEvent("kubelet", "InvalidSpec");
  }));
  EXPECT_THAT(Condition("kubelet", "Ready")["message"].get<std::string>(),
              HasSubstr("system directory"));
  EXPECT_TRUE(FindHere(kube::kPersistentVolumeClaims, "kubelet").is_null());
}

TEST_F(TypesTest, TheAdministratorNarrowsWhatMayBeReached) {
  OperatorOptions options;
  options.policy.types = {"COS", "HOST", "CSI"};
  options.policy.host_paths = {"/data"};
  options.policy.csi_drivers = {};
  RestartOperator(options);
  Make("off", {{"type", "NFS"}, {"server", "s"}, {"share", "/x"}});
  Make("outside", {{"type", "HOST"}, {"path", "/srv"}});
  Make("handle",
       {{"type", "CSI"}, {"driver", "d.example"}, {"volumeHandle", "h"}});
  Make("inside", {{"type", "HOST"}, {"path", "/data/x"}});
  EXPECT_TRUE(EventuallyBound("inside"));
  for (const auto& [name, value] :
       {std::pair{"off", "datasets.types"},
        std::pair{"outside", "datasets.hostPaths"},
        std::pair{"handle", "datasets.csiDrivers"}}) {
    EXPECT_TRUE(Eventually("it is refused", [&, name = name] {
      return ReadyReason(name) == "InvalidSpec";
    })) << name;
    EXPECT_THAT(Condition(name, "Ready")["message"].get<std::string>(),
                HasSubstr(value));
    EXPECT_TRUE(FindHere(kube::kPersistentVolumeClaims, name).is_null());
  }
}

TEST_F(TypesTest, AVolumeOfAnotherDriverByHandle) {
  Make("handle", {{"type", "CSI"},
                  {"driver", "nfs.csi.k8s.io"},
                  {"volumeHandle", "server#share"},
                  {"attributes.server", "10.0.0.1"},
                  {"node-stage-secret-name", "keys"},
                  {"readonly", "true"}});
  ASSERT_TRUE(EventuallyBound("handle"));
  const Json volume = VolumeOf("handle");
  EXPECT_EQ(volume["spec"]["csi"]["driver"], "nfs.csi.k8s.io");
  EXPECT_EQ(volume["spec"]["csi"]["volumeAttributes"]["server"], "10.0.0.1");
  EXPECT_EQ(volume["spec"]["csi"]["nodeStageSecretRef"]["namespace"],
            namespace_);
  EXPECT_EQ(volume["spec"]["csi"]["readOnly"], true);
  EndsWithoutTrace("handle");
}

/// The other driver's provisioner is played by this test.
TEST_F(TypesTest, AVolumeOfAnotherDriversClass) {
  const std::string class_name = namespace_ + "-class";
  Make("dynamic",
       {{"type", "CSI"}, {"storageClass", class_name}, {"size", "20Gi"}});
  EXPECT_TRUE(Eventually("the class is missed", [&] {
    return ReadyReason("dynamic") == "StorageClassNotFound";
  }));

  Json storage_class =
      kube::MakeObject(kube::kStorageClasses, {"", class_name});
  storage_class["provisioner"] = "other.example";
  ASSERT_TRUE(
      client().Create(kube::kStorageClasses, storage_class, Soon()).ok());
  EXPECT_TRUE(Eventually("it says who works", [&] {
    const Json ready = Condition("dynamic", "Ready");
    return ready["reason"] == "Provisioning" &&
           kube::StringAt(ready, {"message"}).find("other.example") !=
               std::string::npos;
  }));

  const Json claim = FindHere(kube::kPersistentVolumeClaims, "dynamic");
  EXPECT_EQ(claim["spec"]["resources"]["requests"]["storage"], "20Gi");
  Json volume = kube::MakeObject(kube::kPersistentVolumes, {"", class_name});
  volume["spec"] = {
      {"capacity", {{"storage", "20Gi"}}},
      {"accessModes", Json::array({"ReadWriteMany"})},
      {"storageClassName", class_name},
      {"persistentVolumeReclaimPolicy", "Retain"},
      {"claimRef",
       {{"namespace", namespace_},
        {"name", "dynamic"},
        {"uid", kube::UidOf(claim)}}},
      {"csi", {{"driver", "other.example"}, {"volumeHandle", "h"}}}};
  ASSERT_TRUE(client().Create(kube::kPersistentVolumes, volume, Soon()).ok());
  EXPECT_TRUE(EventuallyBound("dynamic"));
  Delete(kDatasets, {namespace_, "dynamic"});
  EXPECT_TRUE(EventuallyGone(kDatasets, {namespace_, "dynamic"}));
  // Theirs to reclaim.
  EXPECT_FALSE(Find(kube::kPersistentVolumes, {"", class_name}).is_null());
}

}  // namespace
}  // namespace datashim::integration
