#include "cluster.h"

#include <fstream>
#include <map>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/strings.h"
#include "operator/names.h"
#include "s3/client.h"
#include "s3/credentials.h"
#include "s3/object_store.h"

namespace datashim::integration {
namespace {

using controllers::kDatasets;

constexpr kube::ResourceType kClusterRoles{
    "rbac.authorization.k8s.io", "v1", "ClusterRole", "clusterroles", false};
constexpr kube::ResourceType kRoles{"rbac.authorization.k8s.io", "v1", "Role",
                                    "roles"};
constexpr kube::ResourceType kClusterRoleBindings{"rbac.authorization.k8s.io",
                                                  "v1", "ClusterRoleBinding",
                                                  "clusterrolebindings", false};
constexpr kube::ResourceType kRoleBindings{"rbac.authorization.k8s.io", "v1",
                                           "RoleBinding", "rolebindings"};
constexpr const char* kOperatorUser = "datashim-operator";

std::string SourceFile(const std::string& path) {
  return std::string(DATASHIM_SOURCE_DIR) + "/" + path;
}

Json Words(std::string_view text) {
  Json words = Json::array();
  for (const std::string_view word : Split(text, ' ')) {
    if (!word.empty()) words.push_back(word);
  }
  return words;
}

/// The rules of docs/rbac.md, by scope.
std::map<std::string, Json> ReadRights() {
  std::map<std::string, Json> rules;
  std::ifstream file(SourceFile("docs/rbac.md"));
  for (std::string line; std::getline(file, line);) {
    const auto cells = Split(line, '|');
    if (cells.size() != 8) continue;
    const std::string scope(TrimSpace(cells[1]));
    if (scope != "cluster" && scope != "namespace") continue;
    const std::string group(TrimSpace(cells[2]));
    Json rule = {{"apiGroups", Json::array({group == "core" ? "" : group})},
                 {"resources", Words(TrimSpace(cells[3]))},
                 {"verbs", Words(TrimSpace(cells[4]))}};
    if (const Json names = Words(TrimSpace(cells[5])); !names.empty()) {
      rule["resourceNames"] = names;
    }
    rules[scope].push_back(rule);
  }
  DS_CHECK(rules["cluster"].size() > 5 && !rules["namespace"].empty());
  return rules;
}

std::shared_ptr<s3::S3Client> S3ClientOf(const Minio& minio) {
  s3::S3Config config;
  config.endpoint = minio.url();
  auto client = s3::S3Client::Make(
      config,
      std::make_shared<s3::UpdatableCredentials>(s3::Credentials{
          SecretString(kCanaryId), SecretString(kCanaryKey), SecretString()}));
  DS_CHECK(client.ok());
  return *std::move(client);
}

void MustCreate(kube::Client& client, const kube::ResourceType& type,
                const Json& object) {
  const auto created = client.Create(type, object, Soon());
  ASSERT_TRUE(created.ok()) << created.error().message;
}

}  // namespace

Deadline Soon() { return Deadline::After(std::chrono::seconds(10)); }

TestCluster& TestCluster::Get() {
  // GoogleTest owns and deletes it.
  static auto* const cluster = static_cast<TestCluster*>(
      testing::AddGlobalTestEnvironment(new TestCluster));
  return *cluster;
}

void TestCluster::SetUp() {
  auto apiserver = ApiServer::Start();
  ASSERT_TRUE(apiserver.ok()) << apiserver.error().message;
  apiserver_ = *std::move(apiserver);
  client_ = apiserver_->AdminClient();
  auto minio = Minio::Start(Minio::Protocol::kHttp);
  ASSERT_TRUE(minio.ok()) << minio.error().message;
  minio_ = *std::move(minio);
  const Status bucket = S3ClientOf(*minio_)->CreateBucket(kBucket, {}, Soon());
  ASSERT_TRUE(bucket.ok()) << bucket.error().message;

  MustCreate(*client_, kube::kNamespaces,
             kube::MakeObject(kube::kNamespaces, {"", kOperatorNamespace}));
  Json storage_class = kube::MakeObject(
      kube::kStorageClasses, {"", std::string(controllers::kStorageClassName)});
  storage_class["provisioner"] = controllers::kDriverName;
  MustCreate(*client_, kube::kStorageClasses, storage_class);
  GrantRights();
  ApplyCrds();
  StartControllerManager();
}

void TestCluster::TearDown() {
  client_.reset();
  controller_manager_.reset();
  minio_.reset();
  apiserver_.reset();
}

void TestCluster::ApplyCrds() {
  const auto kubectl = ClusterProgram("kubectl");
  ASSERT_TRUE(kubectl.ok()) << kubectl.error().message;
  const std::string command =
      *kubectl + " --kubeconfig=" + apiserver_->KubeconfigPath() +
      " apply --server-side -f " + SourceFile("api/crds") + " >/dev/null";
  ASSERT_EQ(std::system(command.c_str()), 0) << command;
  const auto deadline = Deadline::After(std::chrono::seconds(30));
  while (!client_->List(kDatasets, "", {}, Soon()).ok()) {
    ASSERT_FALSE(deadline.HasPassed()) << "Datasets are not served";
    SystemClock().SleepFor(std::chrono::milliseconds(50), {});
  }
}

void TestCluster::StartControllerManager() {
  const auto program = ClusterProgram("kube-controller-manager");
  ASSERT_TRUE(program.ok()) << program.error().message;
  auto started = ChildProcess::Start(
      {*program, "--kubeconfig=" + apiserver_->KubeconfigPath(),
       "--authentication-kubeconfig=" + apiserver_->KubeconfigPath(),
       "--authorization-kubeconfig=" + apiserver_->KubeconfigPath(),
       "--secure-port=0", "--leader-elect=false",
       "--controllers=persistentvolume-binder-controller,"
       "persistentvolumeclaim-protection-controller,"
       "persistentvolume-protection-controller,garbage-collector-controller,"
       "job-controller"},
      apiserver_->KubeconfigPath() + ".controller-manager.log");
  ASSERT_TRUE(started.ok()) << started.error().message;
  controller_manager_ = *std::move(started);
}

void TestCluster::GrantRights() {
  const auto rules = ReadRights();
  const Json subjects = Json::array({{{"kind", "User"},
                                      {"apiGroup", "rbac.authorization.k8s.io"},
                                      {"name", kOperatorUser}}});
  const auto grant = [&](const kube::ResourceType& role_type,
                         const kube::ResourceType& binding_type,
                         const std::string& namespace_name, const Json& rule) {
    Json role = kube::MakeObject(role_type, {namespace_name, kOperatorUser});
    role["rules"] = rule;
    MustCreate(*client_, role_type, role);
    Json binding =
        kube::MakeObject(binding_type, {namespace_name, kOperatorUser});
    binding["roleRef"] = {{"apiGroup", "rbac.authorization.k8s.io"},
                          {"kind", role_type.kind},
                          {"name", kOperatorUser}};
    binding["subjects"] = subjects;
    MustCreate(*client_, binding_type, binding);
  };
  grant(kClusterRoles, kClusterRoleBindings, "", rules.at("cluster"));
  grant(kRoles, kRoleBindings, kOperatorNamespace, rules.at("namespace"));
}

std::unique_ptr<Operator> TestCluster::StartOperator(
    const std::string& identity, OperatorOptions options) {
  options.namespace_name = kOperatorNamespace;
  options.identity = identity;
  options.webhook_address = "127.0.0.1";
  options.webhook_port = 0;
  options.webhook_dns_names = {"localhost"};
  options.health_address = "127.0.0.1";
  options.health_port = 0;
  auto started =
      Operator::Start(options, apiserver_->CertificateConfig(kOperatorUser));
  DS_CHECK(started.ok());
  return *std::move(started);
}

std::string TestCluster::MakeNamespace() {
  const std::string name = "test-" + std::to_string(++namespaces_);
  Json object = kube::MakeObject(kube::kNamespaces, {"", name});
  object["metadata"]["labels"] = {{"monitor-pods-datasets", "enabled"}};
  const auto created = client_->Create(kube::kNamespaces, object, Soon());
  DS_CHECK(created.ok());
  return name;
}

OperatorTest::OperatorTest()
    : namespace_(TestCluster::Get().MakeNamespace()),
      operator_(TestCluster::Get().StartOperator()) {}

void OperatorTest::RestartOperator(const OperatorOptions& options) {
  operator_.reset();
  operator_ = TestCluster::Get().StartOperator("op-1", options);
}

void OperatorTest::MakeClaimWithoutDataset(const std::string& name) {
  Json claim =
      kube::MakeObject(kube::kPersistentVolumeClaims, {namespace_, name});
  claim["spec"] = {{"storageClassName", "csi-s3"},
                   {"accessModes", Json::array({"ReadWriteMany"})},
                   {"resources", {{"requests", {{"storage", "1Gi"}}}}}};
  ASSERT_TRUE(
      client().Create(kube::kPersistentVolumeClaims, claim, Soon()).ok());
}

void OperatorTest::MakeSecret(const std::string& name,
                              const Json& string_data) {
  Json secret = kube::MakeObject(kube::kSecrets, {namespace_, name});
  secret["stringData"] =
      !string_data.is_null()
          ? string_data
          : Json{{"accessKeyID", kCanaryId}, {"secretAccessKey", kCanaryKey}};
  const auto applied = client().Apply(kube::kSecrets, secret, {}, Soon());
  ASSERT_TRUE(applied.ok()) << applied.error().message;
}

Status OperatorTest::CheckBucket(const std::string& bucket) {
  return S3ClientOf(minio())->ProbeBucket(bucket, "", Soon());
}

std::shared_ptr<store::ObjectStore> OperatorTest::Bucket(
    const std::string& bucket) {
  const auto s3_client = S3ClientOf(minio());
  EXPECT_TRUE(s3_client->CreateBucket(bucket, {}, Soon()).ok());
  return s3::MakeObjectStore(s3_client, bucket, "").value();
}

Json OperatorTest::LocalSpec(const Json& changes) const {
  Json local = {{"type", "COS"},
                {"endpoint", TestCluster::Get().minio().url()},
                {"bucket", kBucket},
                {"secret-name", "keys"}};
  local.merge_patch(changes);
  return local;
}

Json OperatorTest::MakeDataset(const std::string& name, const Json& changes) {
  Json dataset = kube::MakeObject(kDatasets, {namespace_, name});
  dataset["spec"]["local"] = LocalSpec(changes);
  auto created = client().Create(kDatasets, dataset, Soon());
  EXPECT_TRUE(created.ok()) << created.error().message;
  return created.ok() ? *std::move(created) : Json();
}

void OperatorTest::MakePodWithClaim(const std::string& name,
                                    const std::string& claim) {
  Json pod = kube::MakeObject(kube::kPods, {namespace_, name});
  pod["spec"] = {
      {"nodeName", "node-1"},
      // No kubelet is there to say that it has ended.
      {"terminationGracePeriodSeconds", 0},
      {"containers", Json::array({{{"name", "c"}, {"image", "i"}}})},
      {"volumes",
       Json::array({{{"name", "v"},
                     {"persistentVolumeClaim", {{"claimName", claim}}}}})}};
  MustCreate(client(), kube::kPods, pod);
}

void OperatorTest::DeletePod(const std::string& name) {
  Delete(kube::kPods, {namespace_, name});
}

void OperatorTest::Delete(const kube::ResourceType& type,
                          const kube::ObjectKey& key) {
  const Status deleted = client().Delete(type, key, {}, Soon());
  EXPECT_TRUE(deleted.ok()) << deleted.error().message;
}

Json OperatorTest::Find(const kube::ResourceType& type,
                        const kube::ObjectKey& key) {
  auto found = client().Find(type, key, Soon());
  EXPECT_TRUE(found.ok()) << found.error().message;
  return found.ok() && *found ? **std::move(found) : Json();
}

Json OperatorTest::Dataset(const std::string& name) {
  return FindHere(kDatasets, name);
}

std::string OperatorTest::Provision(const std::string& name) {
  return kube::StringAt(Dataset(name), {"status", "provision", "status"});
}

Json OperatorTest::Condition(const std::string& name, const std::string& type) {
  const Json dataset = Dataset(name);
  const Json* conditions = kube::Field(dataset, {"status", "conditions"});
  if (conditions == nullptr) return {};
  for (const Json& condition : *conditions) {
    if (kube::StringAt(condition, {"type"}) == type) return condition;
  }
  return {};
}

std::string OperatorTest::ReadyReason(const std::string& name) {
  return kube::StringAt(Condition(name, "Ready"), {"reason"});
}

bool OperatorTest::HasEvent(const std::string& name,
                            const std::string& reason) {
  const auto events = client().List(
      kube::kEvents, namespace_,
      {.field_selector = "involvedObject.kind=Dataset,involvedObject.name=" +
                         name + ",reason=" + reason},
      Soon());
  return events.ok() && !events->items.empty();
}

Json OperatorTest::VolumeSecret(const std::string& claim) {
  const Json object = FindHere(kube::kPersistentVolumeClaims, claim);
  if (object.is_null()) return {};
  return Find(kube::kSecrets,
              {kOperatorNamespace, "vol-" + kube::UidOf(object)});
}

bool OperatorTest::Eventually(const std::string& what,
                              const std::function<bool()>& is_true,
                              std::chrono::seconds timeout) {
  const auto deadline = Deadline::After(timeout);
  while (!is_true()) {
    if (deadline.HasPassed()) {
      ADD_FAILURE() << "not within " << timeout.count() << " s: " << what;
      const auto datasets = client().List(kDatasets, namespace_, {}, Soon());
      if (!datasets.ok()) return false;
      for (const Json& dataset : datasets->items) {
        ADD_FAILURE() << dataset.dump(1);
      }
      return false;
    }
    SystemClock().SleepFor(std::chrono::milliseconds(20), {});
  }
  return true;
}

bool OperatorTest::EventuallyBound(const std::string& name) {
  return Eventually(name + " is OK", [&] { return Provision(name) == "OK"; });
}

bool OperatorTest::EventuallyGone(const kube::ResourceType& type,
                                  const kube::ObjectKey& key) {
  return Eventually(std::string(type.kind) + " " + key.ToString() + " is gone",
                    [&] { return Find(type, key).is_null(); });
}

}  // namespace datashim::integration

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  datashim::integration::TestCluster::Get();
  return RUN_ALL_TESTS();
}
