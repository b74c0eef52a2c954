// TestCluster: what the operator lives in, as far as it runs without nodes:
// real etcd, kube-apiserver, kube-controller-manager (binding, protection,
// garbage collection) and S3 server, our CRDs and exactly the rights of
// docs/rbac.md.

#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "apiserver.h"
#include "kube/client.h"
#include "kube/object.h"
#include "minio.h"
#include "operator/operator.h"
#include "store/object_store.h"

namespace datashim::integration {

using controllers::Operator;
using controllers::OperatorOptions;
using kube::Json;

inline constexpr const char* kOperatorNamespace = "dlf";
inline constexpr const char* kBucket = "models";
/// Keys of the S3 server. They must turn up in Secrets only.
inline constexpr const char* kCanaryId = Minio::kAccessKey;
inline constexpr const char* kCanaryKey = Minio::kSecretKey;

/// One for the process.
class TestCluster final : public testing::Environment {
 public:
  static TestCluster& Get();

  void SetUp() override;
  void TearDown() override;

  kube::Client& client() { return *client_; }
  Minio& minio() { return *minio_; }
  const ApiServer& apiserver() const { return *apiserver_; }

  /// Starts an operator with the rights of docs/rbac.md on ports of the
  /// kernel's choice.
  std::unique_ptr<Operator> StartOperator(const std::string& identity = "op-1",
                                          OperatorOptions options = {});
  /// Makes a new namespace with a name of its own.
  std::string MakeNamespace();

 private:
  void StartControllerManager();
  void ApplyCrds();
  void GrantRights();

  std::unique_ptr<ApiServer> apiserver_;
  std::unique_ptr<ChildProcess> controller_manager_;
  std::unique_ptr<Minio> minio_;
  std::unique_ptr<kube::Client> client_;
  int namespaces_ = 0;
};

/// A running operator, a namespace, and short words for what tests do.
class OperatorTest : public testing::Test {
 protected:
  OperatorTest();

  /// The same replica with other options.
  void RestartOperator(const OperatorOptions& options);

  kube::Client& client() { return TestCluster::Get().client(); }
  Minio& minio() { return TestCluster::Get().minio(); }

  /// With the keys of the S3 server, unless other content is given.
  void MakeSecret(const std::string& name, const Json& string_data = {});
  Status CheckBucket(const std::string& bucket);
  /// The whole bucket, as its owner sees it; made if it is not there.
  std::shared_ptr<store::ObjectStore> Bucket(const std::string& bucket);
  /// spec.local of a Dataset that works, with `changes` (null removes).
  Json LocalSpec(const Json& changes = Json::object()) const;
  Json MakeDataset(const std::string& name,
                   const Json& changes = Json::object());
  /// Of StorageClass csi-s3; its Secret has the claim's name.
  void MakeClaimWithoutDataset(const std::string& name);
  /// A pod that a node runs, as far as Kubernetes knows, and that mounts the
  /// claim.
  void MakePodWithClaim(const std::string& name, const std::string& claim);
  void DeletePod(const std::string& name);
  void Delete(const kube::ResourceType& type, const kube::ObjectKey& key);

  /// null if it is not there.
  Json Find(const kube::ResourceType& type, const kube::ObjectKey& key);
  Json FindHere(const kube::ResourceType& type, const std::string& name) {
    return Find(type, {namespace_, name});
  }
  Json Dataset(const std::string& name);
  std::string Provision(const std::string& name);
  /// The condition; null if the Dataset has none of that type.
  Json Condition(const std::string& name, const std::string& type);
  std::string ReadyReason(const std::string& name);
  bool HasEvent(const std::string& name, const std::string& reason);
  Json VolumeSecret(const std::string& claim);

  /// Waits until `is_true`; a test failure names `what` and shows the Dataset.
  bool Eventually(const std::string& what, const std::function<bool()>& is_true,
                  std::chrono::seconds timeout = std::chrono::seconds(10));
  bool EventuallyBound(const std::string& name);
  bool EventuallyGone(const kube::ResourceType& type,
                      const kube::ObjectKey& key);

  const std::string namespace_;
  std::unique_ptr<Operator> operator_;
};

Deadline Soon();

}  // namespace datashim::integration
