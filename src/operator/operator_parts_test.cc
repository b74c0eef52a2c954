#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "operator/bucket_probe.h"
#include "operator/certificate_controller.h"
#include "operator/health.h"
#include "operator/names.h"
#include "operator/provisioner.h"
#include "operator/volume_report.h"

namespace datashim::controllers {
namespace {

using kube::Json;

TEST(RetryDelayTest, DoublesUpToTheMaximum) {
  using std::chrono::seconds;
  EXPECT_EQ(RetryDelay(1), seconds(2));
  EXPECT_EQ(RetryDelay(2), seconds(4));
  EXPECT_EQ(RetryDelay(4), seconds(16));
  EXPECT_EQ(RetryDelay(5), seconds(30));
  EXPECT_EQ(RetryDelay(1'000'000), seconds(30));
}

TEST(ExplainProbeTest, TellsKeysFromRightsFromNetwork) {
  struct Case {
    ErrorCode code;
    std::string_view reason;
    std::optional<bool> credentials_valid;
  };
  const Case cases[] = {
      {ErrorCode::kNotFound, "BucketNotFound", true},
      {ErrorCode::kUnauthenticated, "CredentialsInvalid", false},
      {ErrorCode::kPermissionDenied, "AccessDenied", false},
      {ErrorCode::kAlreadyExists, "AccessDenied", false},
      {ErrorCode::kInvalidArgument, "InvalidSpec", std::nullopt},
      {ErrorCode::kUnavailable, "Unreachable", std::nullopt},
      {ErrorCode::kDeadlineExceeded, "Unreachable", std::nullopt},
  };
  for (const Case& c : cases) {
    const BucketVerdict verdict = ExplainProbe(Error{c.code, "why"});
    EXPECT_EQ(verdict.reason, c.reason);
    EXPECT_EQ(verdict.credentials_valid, c.credentials_valid) << c.reason;
    EXPECT_EQ(verdict.message, "why");
  }
  EXPECT_EQ(ExplainProbe(OkStatus()).reason, "");
  EXPECT_EQ(ExplainProbe(OkStatus()).credentials_valid, true);
}

TEST(ProbeBucketTest, ABrokenEndpointIsAnAnswer) {
  dataset::VolumeConfig config;
  config.endpoint = "not a url";
  config.bucket = "b";
  EXPECT_EQ(ProbeBucket(config, std::nullopt,
                        Deadline::After(std::chrono::seconds(5)))
                .reason,
            reason::kInvalidSpec);
}

TEST(VolumeReportsTest, OnlyNewsIsNews) {
  VolumeReports reports;
  const VolumeReport bad{.reason = "Unreachable", .message = "m"};
  EXPECT_TRUE(reports.Set("u", bad));
  EXPECT_FALSE(reports.Set("u", bad));
  EXPECT_TRUE(reports.Set("v", bad));
  EXPECT_TRUE(reports.Set("u", {.ready = true}));
  EXPECT_TRUE(reports.Get("u")->ready);
  reports.Erase("u");
  EXPECT_FALSE(reports.Get("u"));
}

TEST(SetCaBundleTest, AllWebhooksTrustTheBundle) {
  Json configuration = Json::parse(R"({"webhooks": [
    {"name": "a", "clientConfig": {"service": {"name": "s"}}},
    {"name": "b", "clientConfig": {"caBundle": "b2xk"}},
    {"name": "c"}]})");
  EXPECT_TRUE(SetCaBundle(configuration, "pem"));
  for (const Json& hook : configuration["webhooks"]) {
    EXPECT_EQ(hook["clientConfig"]["caBundle"], "cGVt");
  }
  EXPECT_EQ(configuration["webhooks"][0]["clientConfig"]["service"]["name"],
            "s");
  EXPECT_FALSE(SetCaBundle(configuration, "pem"));
  Json empty = Json::object();
  EXPECT_FALSE(SetCaBundle(empty, "pem"));
}

TEST(FormatMetricsTest, IsPrometheusText) {
  kube::Controller::Metrics metrics;
  metrics.reconciles = 7;
  metrics.errors = 2;
  metrics.queue.depth = 1;
  EXPECT_EQ(FormatMetrics(true, 3, {{"claim", metrics}}),
            "# TYPE datashim_operator_leading gauge\n"
            "datashim_operator_leading 1\n"
            "# TYPE datashim_datasets gauge\n"
            "datashim_datasets 3\n"
            "# TYPE datashim_reconciles_total counter\n"
            "datashim_reconciles_total{controller=\"claim\"} 7\n"
            "# TYPE datashim_reconcile_errors_total counter\n"
            "datashim_reconcile_errors_total{controller=\"claim\"} 2\n"
            "# TYPE datashim_queue_depth gauge\n"
            "datashim_queue_depth{controller=\"claim\"} 1\n");
}

}  // namespace
}  // namespace datashim::controllers
