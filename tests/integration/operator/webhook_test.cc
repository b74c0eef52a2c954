// The pod webhook as the API server calls it: certificates, patches, denials,
// and the Secret that pods get their environment from.

#include <gmock/gmock.h>

#include <algorithm>
#include <iostream>
#include <vector>

#include "base/strings.h"
#include "cluster.h"
#include "net/http_client.h"
#include "operator/names.h"

namespace datashim::integration {
namespace {

using controllers::kDatasets;
using controllers::kMutatingWebhooks;
using ::testing::HasSubstr;

constexpr const char* kConfiguration = "dlf-mutating-webhook-cfg";

class WebhookTest : public OperatorTest {
 protected:
  void SetUp() override {
    Json hook = {
        {"name", "mpod.datashim.io"},
        {"admissionReviewVersions", Json::array({"v1"})},
        {"sideEffects", "NoneOnDryRun"},
        {"reinvocationPolicy", "IfNeeded"},
        {"clientConfig",
         {{"url",
           "https://localhost:" + std::to_string(operator_->webhook_port()) +
               "/mutate-v1-pod"}}},
        {"namespaceSelector",
         {{"matchLabels", {{"kubernetes.io/metadata.name", namespace_}}}}},
        {"rules", Json::array({{{"apiGroups", Json::array({""})},
                                {"apiVersions", Json::array({"v1"})},
                                {"operations", Json::array({"CREATE"})},
                                {"resources", Json::array({"pods"})}}})}};
    Json configuration =
        kube::MakeObject(kMutatingWebhooks, {"", kConfiguration});
    configuration["webhooks"] = Json::array({hook});
    const auto created =
        client().Create(kMutatingWebhooks, configuration, Soon());
    ASSERT_TRUE(created.ok()) << created.error().message;
    ASSERT_TRUE(Eventually("ready and trusted", [&] {
      return operator_->is_ready() && !CaBundle().empty();
    }));
  }
  void TearDown() override { Delete(kMutatingWebhooks, {"", kConfiguration}); }

  std::string CaBundle() {
    const Json configuration = Find(kMutatingWebhooks, {"", kConfiguration});
    return kube::StringAt(configuration["webhooks"][0],
                          {"clientConfig", "caBundle"});
  }

  Json Pod(const std::string& name, const Json& labels) const {
    Json pod = kube::MakeObject(kube::kPods, {namespace_, name});
    pod["metadata"]["labels"] = labels;
    pod["spec"]["containers"] = Json::array({{{"name", "c"}, {"image", "i"}}});
    return pod;
  }

  /// The webhook's configuration reaches the API server's webhook client a
  /// moment after it is stored.
  Result<Json> CreatePod(const std::string& name, const Json& labels) {
    Result<Json> created = Error{};
    Eventually("the webhook is called", [&] {
      created = client().Create(kube::kPods, Pod(name, labels), Soon());
      if (created.ok()) {
        if ((*created)["spec"].contains("volumes") ||
            (*created)["spec"]["containers"][0].contains("envFrom")) {
          return true;
        }
        Delete(kube::kPods, {namespace_, name});
        return false;
      }
      return created.error().message.find("failed calling webhook") ==
             std::string::npos;
    });
    return created;
  }
};

const Json kMount = {{"dataset.0.id", "weights"}, {"dataset.0.useas", "mount"}};

TEST_F(WebhookTest, LabelledPodGetsTheClaim) {
  MakeSecret("keys");
  MakeDataset("weights");
  const auto pod = CreatePod("reader", kMount);
  ASSERT_TRUE(pod.ok()) << pod.error().message;
  const Json& spec = (*pod)["spec"];
  EXPECT_EQ(spec["volumes"][0]["name"], "weights");
  EXPECT_EQ(spec["volumes"][0]["persistentVolumeClaim"]["claimName"],
            "weights");
  EXPECT_EQ(spec["containers"][0]["volumeMounts"][0]["mountPath"],
            "/mnt/datasets/weights");
}

TEST_F(WebhookTest, AReplicaThatResignsStillAnswers) {
  MakeDataset("weights");
  ASSERT_TRUE(CreatePod("before", kMount).ok());
  operator_->Resign();
  EXPECT_FALSE(operator_->is_ready());
  EXPECT_FALSE(operator_->is_leader());
  for (int i = 0; i < 3; ++i) {
    const auto pod = client().Create(
        kube::kPods, Pod("after-" + std::to_string(i), kMount), Soon());
    ASSERT_TRUE(pod.ok()) << pod.error().message;
    EXPECT_TRUE((*pod)["spec"].contains("volumes"));
  }
}

TEST_F(WebhookTest, UnknownDatasetIsDenied) {
  const auto pod = CreatePod("reader", kMount);
  ASSERT_FALSE(pod.ok());
  EXPECT_THAT(pod.error().message, HasSubstr("weights"));
  EXPECT_THAT(pod.error().message, HasSubstr(namespace_));
}

TEST_F(WebhookTest, ADatasetIsKnownTheMomentItIsMade) {
  MakeDataset("warm-up");
  ASSERT_TRUE(CreatePod("warm-up", {{"dataset.0.id", "warm-up"},
                                    {"dataset.0.useas", "mount"}})
                  .ok());
  for (int i = 0; i < 20; ++i) {
    const std::string name = "now-" + std::to_string(i);
    MakeDataset(name);
    const auto pod = client().Create(
        kube::kPods,
        Pod(name, {{"dataset.0.id", name}, {"dataset.0.useas", "mount"}}),
        Soon());
    EXPECT_TRUE(pod.ok()) << pod.error().message;
  }
}

TEST_F(WebhookTest, EnvironmentSecretIsMadeWhenAPodAsks) {
  MakeSecret("keys");
  MakeDataset("weights");
  ASSERT_TRUE(EventuallyBound("weights"));
  EXPECT_TRUE(FindHere(kube::kSecrets, "weights").is_null());
  const auto pod = CreatePod(
      "env", {{"dataset.0.id", "weights"}, {"dataset.0.useas", "configmap"}});
  ASSERT_TRUE(pod.ok()) << pod.error().message;
  ASSERT_TRUE(Eventually("the Secret is there", [&] {
    return !FindHere(kube::kSecrets, "weights").is_null();
  }));
  const Json secret = FindHere(kube::kSecrets, "weights");
  EXPECT_EQ(kube::ControllerUidOf(secret), kube::UidOf(Dataset("weights")));
  EXPECT_EQ(secret["data"]["secretAccessKey"], Base64Encode(kCanaryKey));

  Delete(kDatasets, {namespace_, "weights"});
  EXPECT_TRUE(EventuallyGone(kDatasets, {namespace_, "weights"}));
  EXPECT_TRUE(FindHere(kube::kSecrets, "weights").is_null());
}

TEST_F(WebhookTest, AForeignSecretIsToldAndKept) {
  MakeSecret("keys");
  MakeSecret("weights", {{"mine", "1"}});
  const Json mine = FindHere(kube::kSecrets, "weights");
  MakeDataset("weights");
  ASSERT_TRUE(EventuallyBound("weights"));
  ASSERT_TRUE(CreatePod("env", {{"dataset.0.id", "weights"},
                                {"dataset.0.useas", "configmap"}})
                  .ok());
  EXPECT_TRUE(Eventually("the conflict is told", [&] {
    return ReadyReason("weights") == "NameConflict";
  }));
  Delete(kDatasets, {namespace_, "weights"});
  EXPECT_TRUE(EventuallyGone(kDatasets, {namespace_, "weights"}));
  EXPECT_EQ(FindHere(kube::kSecrets, "weights"), mine);
}

TEST_F(WebhookTest, CaBundleIsRepaired) {
  const std::string right = CaBundle();
  Json configuration = Find(kMutatingWebhooks, {"", kConfiguration});
  configuration["webhooks"][0]["clientConfig"].erase("caBundle");
  ASSERT_TRUE(client().Update(kMutatingWebhooks, configuration, Soon()).ok());
  EXPECT_TRUE(
      Eventually("caBundle is back", [&] { return CaBundle() == right; }));
}

/// 50 admissions/s for four seconds, straight to the webhook.
TEST_F(WebhookTest, AnswersInMilliseconds) {
  MakeDataset("weights");
  const Json review = {
      {"apiVersion", "admission.k8s.io/v1"},
      {"kind", "AdmissionReview"},
      {"request",
       {{"uid", "u"},
        {"operation", "CREATE"},
        {"namespace", namespace_},
        {"kind", {{"group", ""}, {"version", "v1"}, {"kind", "Pod"}}},
        {"resource", {{"group", ""}, {"version", "v1"}, {"resource", "pods"}}},
        {"object", Pod("reader", kMount)}}}};
  net::HttpClientOptions options;
  options.tls.ca_bundle_pem = *Base64Decode(CaBundle());
  const auto http = net::HttpClient::Make(options);
  ASSERT_TRUE(http.ok());
  const auto url = net::ParseUrl("https://localhost:" +
                                 std::to_string(operator_->webhook_port()));
  ASSERT_TRUE(url.ok());
  const std::string body = review.dump();

  using Clock = std::chrono::steady_clock;
  std::vector<double> took_ms;
  const auto start = Clock::now();
  for (int i = 0; i < 200; ++i) {
    SystemClock().SleepFor(
        start + i * std::chrono::milliseconds(20) - Clock::now(), {});
    net::HttpCall call;
    call.method = "POST";
    call.origin = url->origin;
    call.target = "/mutate-v1-pod";
    call.deadline = Soon();
    call.body = body;
    const auto begin = Clock::now();
    const auto response = (*http)->Fetch(call, 1u << 20);
    ASSERT_TRUE(response.ok()) << response.error().message;
    ASSERT_THAT(response->body, HasSubstr("\"allowed\":true"));
    took_ms.push_back(
        std::chrono::duration<double, std::milli>(Clock::now() - begin)
            .count());
  }
  std::sort(took_ms.begin(), took_ms.end());
  std::cout << "admission: p50 " << took_ms[100] << " ms, p99 " << took_ms[198]
            << " ms\n";
  // The goal is 20 ms; a loaded machine is given more before it is a defect.
  EXPECT_LT(took_ms[100], 20);
}

}  // namespace
}  // namespace datashim::integration
