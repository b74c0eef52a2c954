#include "operator/unpack_job.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "dataset/names.h"
#include "operator/names.h"
#include "operator/volume_plan.h"

namespace datashim::controllers {
namespace {

using kube::Json;
using ::testing::HasSubstr;
using State = UnpackOutcome::State;

dataset::UnpackRequest Request() {
  dataset::UnpackRequest request;
  request.url = "https://example.com/a.tar?signature=hush";
  request.extract = true;
  request.target.endpoint = "http://minio:9000";
  request.target.bucket = "bucket";
  request.target.prefix = "uid/v/";
  request.target.access_key_id = SecretString("hush-id");
  request.target.secret_access_key = SecretString("hush-key");
  return request;
}

Json Claim() {
  Json claim =
      kube::MakeObject(kube::kPersistentVolumeClaims, {"team", "data"});
  claim["metadata"]["uid"] = "11111111-2222-3333-4444-555555555555";
  return claim;
}

Json Job() {
  WorkerOptions options;
  options.image = "registry/datashim:1";
  options.image_pull_secrets = {"registry"};
  return BuildUnpackJob(Claim(), "dlf", Request(), options);
}

/// A pod whose container is in that state.
Json Pod(const std::string& created, const Json& state) {
  Json pod = kube::MakeObject(kube::kPods, {"dlf", "pod"});
  pod["metadata"]["creationTimestamp"] = created;
  pod["spec"]["containers"] = Job()["spec"]["template"]["spec"]["containers"];
  pod["status"] = {{"podIP", "10.1.2.3"},
                   {"containerStatuses",
                    Json::array({{{"name", "unpack"}, {"state", state}}})}};
  return pod;
}

Json With(Json job, const char* condition, const char* message = "") {
  job["status"]["conditions"] = Json::array(
      {{{"type", condition}, {"status", "True"}, {"message", message}}});
  return job;
}

TEST(UnpackJobTest, IsAsRestrictedAsAPodCanBe) {
  const Json pod = Job()["spec"]["template"]["spec"];
  EXPECT_EQ(pod["automountServiceAccountToken"], false);
  EXPECT_EQ(pod["securityContext"]["runAsNonRoot"], true);
  EXPECT_EQ(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault");
  ASSERT_EQ(pod["containers"].size(), 1u);
  const Json& container = pod["containers"][0];
  EXPECT_EQ(container["securityContext"]["allowPrivilegeEscalation"], false);
  EXPECT_EQ(container["securityContext"]["readOnlyRootFilesystem"], true);
  EXPECT_EQ(container["securityContext"]["capabilities"]["drop"][0], "ALL");
  EXPECT_EQ(container["args"][0], "unpack");
  EXPECT_FALSE(container.contains("env"));
  EXPECT_FALSE(container.contains("command"));
  EXPECT_TRUE(container["resources"]["limits"].contains("memory"));
  EXPECT_EQ(pod["imagePullSecrets"][0]["name"], "registry");
}

TEST(UnpackJobTest, OnlyTheSecretKnowsUrlAndKeys) {
  EXPECT_EQ(Job().dump().find("hush"), std::string::npos);
  const Json secret = BuildUnpackSecret(Claim(), "dlf", Request());
  EXPECT_EQ(SecretDataOf(secret), Request().ToSecretData());
  EXPECT_EQ(kube::NameOf(secret), kube::NameOf(Job()));
  EXPECT_EQ(
      Job()["spec"]["template"]["spec"]["volumes"][0]["secret"]["secretName"],
      kube::NameOf(secret));
  EXPECT_LE(kube::NameOf(secret).size(), 63u);  // It becomes a label.
}

TEST(UnpackJobTest, AttemptsAreBoundedAndOneCanBeEnough) {
  const Json spec = Job()["spec"];
  EXPECT_EQ(spec["backoffLimit"], 5);
  EXPECT_EQ(spec["activeDeadlineSeconds"], 86400);
  const Json& rule = spec["podFailurePolicy"]["rules"][0];
  EXPECT_EQ(rule["action"], "FailJob");
  EXPECT_EQ(rule["onExitCodes"]["values"], Json::array({3}));
}

TEST(UnpackJobTest, StatesOfAJob) {
  EXPECT_EQ(JudgeUnpackJob(Job(), {}).state, State::kRunning);
  EXPECT_EQ(JudgeUnpackJob(With(Job(), "FailureTarget"), {}).state,
            State::kRunning);
  const Json done = Pod("2026-01-01T00:00:00Z",
                        {{"terminated", {{"message", "2 files, 1.0 KiB"}}}});
  auto outcome = JudgeUnpackJob(With(Job(), "Complete"), {done});
  EXPECT_EQ(outcome.state, State::kDone);
  EXPECT_EQ(outcome.message, "2 files, 1.0 KiB");
  outcome = JudgeUnpackJob(With(Job(), "Failed", "deadline"), {});
  EXPECT_EQ(outcome.state, State::kFailed);
  EXPECT_EQ(outcome.message, "deadline");
  const Json out_of_memory =
      Pod("2026-01-01T00:00:00Z", {{"terminated", {{"reason", "OOMKilled"}}}});
  outcome = JudgeUnpackJob(With(Job(), "Failed", "x"), {out_of_memory});
  EXPECT_THAT(outcome.message, HasSubstr("archives.memoryMax"));
}

TEST(UnpackJobTest, TheNewestPodTellsHowFarItIs) {
  const Json failed =
      Pod("2026-01-01T00:00:00Z", {{"terminated", {{"message", "no route"}}}});
  EXPECT_THAT(JudgeUnpackJob(Job(), {failed}).message,
              HasSubstr("no route; another one follows"));
  const Json running =
      Pod("2026-01-01T00:01:00Z", {{"running", Json::object()}});
  const auto outcome = JudgeUnpackJob(Job(), {running, failed});
  EXPECT_EQ(outcome.message, "the worker runs");
  EXPECT_EQ(outcome.progress_address, "10.1.2.3:8082");
  const Json waiting = Pod(
      "2026-01-01T00:02:00Z",
      {{"waiting", {{"reason", "ImagePullBackOff"}, {"message", "no such"}}}});
  EXPECT_THAT(JudgeUnpackJob(Job(), {running, waiting}).message,
              HasSubstr("cannot start: ImagePullBackOff: no such"));
  Json unscheduled = Pod("2026-01-01T00:03:00Z", {});
  unscheduled["status"].clear();
  EXPECT_THAT(JudgeUnpackJob(Job(), {unscheduled}).message,
              HasSubstr("waits for a node"));
}

TEST(UnpackJobTest, ProgressIsASentence) {
  EXPECT_EQ(DescribeProgress("{\"bytesRead\":5,\"bytesTotal\":10,"
                             "\"bytesWritten\":2097152,\"files\":3}"),
            "3 files, 2 MiB so far, 50 % of the archive");
  EXPECT_EQ(DescribeProgress("{\"bytesTotal\":0,\"files\":0}"),
            "0 files, 0 MiB so far");
  for (const char* odd :
       {"", "[]", "{}", "null", "{\"files\":-1", "\xff", "7"}) {
    EXPECT_EQ(DescribeProgress(odd), "") << odd;
  }
  EXPECT_EQ(DescribeProgress("{\"files\":\"many\"}"), "0 files, 0 MiB so far");
}

}  // namespace
}  // namespace datashim::controllers
