#include "operator/unpack_job.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "operator/names.h"
#include "operator/volume_plan.h"

namespace datashim::controllers {
namespace {

using kube::Json;

constexpr const char* kContainer = "unpack";
constexpr const char* kConfigDirectory = "/etc/datashim/unpack";
constexpr const char* kResultPath = "/dev/termination-log";
constexpr int kProgressPort = 8082;
/// The image's own user.
constexpr int kUser = 65532;
/// With Kubernetes' waits of 10 s, doubled each time, half an hour in all.
constexpr int kAttemptsMax = 6;
constexpr int kJobSecondsMax = 24 * 60 * 60;
/// Of `datashim unpack`: another attempt would end the same.
constexpr int kExitForGood = 3;
constexpr std::uint64_t kMib = 1u << 20;

Json Labels(const std::string& claim_uid) {
  return {{"app.kubernetes.io/name", "datashim"},
          {"app.kubernetes.io/component", "unpack"},
          {kUnpackForLabel, claim_uid}};
}

Json Frame(const kube::ResourceType& type, const Json& claim,
           std::string_view operator_namespace,
           const dataset::UnpackRequest& request) {
  const std::string uid = kube::UidOf(claim);
  Json object = kube::MakeObject(
      type, {std::string(operator_namespace), UnpackName(uid, request)});
  object["metadata"]["labels"] = Labels(uid);
  object["metadata"]["annotations"] = {
      {kClaimAnnotation, kube::KeyOf(claim).ToString()},
      {kClaimUidAnnotation, uid}};
  if (const auto owner = DatasetOwnerOf(claim)) {
    object["metadata"]["annotations"][kDatasetUidAnnotation] = owner->uid;
  }
  return object;
}

Json BuildContainer(const WorkerOptions& options) {
  return {
      {"name", kContainer},
      {"image", options.image},
      {"imagePullPolicy", options.image_pull_policy},
      {"args",
       {"unpack", std::string("--config-dir=") + kConfigDirectory,
        std::string("--result-file=") + kResultPath,
        "--progress-port=" + std::to_string(kProgressPort),
        "--bytes-max=" + std::to_string(options.bytes_max),
        "--entries-max=" + std::to_string(options.entries_max)}},
      {"ports",
       Json::array({{{"name", "progress"}, {"containerPort", kProgressPort}}})},
      {"resources",
       {{"requests", {{"cpu", "100m"}, {"memory", "128Mi"}}},
        {"limits", {{"memory", options.memory_max}}}}},
      {"securityContext",
       {{"allowPrivilegeEscalation", false},
        {"readOnlyRootFilesystem", true},
        {"capabilities", {{"drop", Json::array({"ALL"})}}}}},
      {"volumeMounts", Json::array({{{"name", "config"},
                                     {"mountPath", kConfigDirectory},
                                     {"readOnly", true}}})}};
}

Json BuildPod(const std::string& secret, const WorkerOptions& options) {
  Json pod = {
      {"restartPolicy", "Never"},
      {"automountServiceAccountToken", false},
      {"enableServiceLinks", false},
      {"terminationGracePeriodSeconds", 10},
      {"securityContext",
       {{"runAsNonRoot", true},
        {"runAsUser", kUser},
        {"runAsGroup", kUser},
        {"fsGroup", kUser},  // Reads the Secret's files.
        {"seccompProfile", {{"type", "RuntimeDefault"}}}}},
      {"containers", Json::array({BuildContainer(options)})},
      {"volumes",
       Json::array(
           {{{"name", "config"},
             {"secret", {{"secretName", secret}, {"defaultMode", 0440}}}}})}};
  for (const std::string& name : options.image_pull_secrets) {
    pod["imagePullSecrets"].push_back({{"name", name}});
  }
  return pod;
}

bool HasCondition(const Json& job, std::string_view type) {
  const Json* conditions = kube::Field(job, {"status", "conditions"});
  return conditions != nullptr && conditions->is_array() &&
         std::any_of(conditions->begin(), conditions->end(),
                     [type](const Json& condition) {
                       return kube::StringAt(condition, {"type"}) == type &&
                              kube::StringAt(condition, {"status"}) == "True";
                     });
}

std::string ConditionMessage(const Json& job, std::string_view type) {
  for (const Json& condition : job["status"]["conditions"]) {
    if (kube::StringAt(condition, {"type"}) == type) {
      return kube::StringAt(condition, {"message"});
    }
  }
  return {};
}

/// The container's state of that name ("running", "waiting", "terminated");
/// null if it is in another one.
const Json* StateOf(const Json& pod, std::string_view name) {
  const Json* statuses = kube::Field(pod, {"status", "containerStatuses"});
  if (statuses == nullptr || !statuses->is_array() || statuses->empty()) {
    return nullptr;
  }
  return kube::Field(statuses->front(), {"state", name});
}

/// Why the attempt of that pod ended, in the worker's own words if it had any.
std::string EndOf(const Json& pod) {
  const Json* terminated = StateOf(pod, "terminated");
  if (terminated == nullptr) return {};
  const std::string message = kube::StringAt(*terminated, {"message"});
  const std::string why = kube::StringAt(*terminated, {"reason"});
  if (!message.empty()) return message;
  return why == "OOMKilled"
             ? "the worker needs more memory than it may have (chart value "
               "archives.memoryMax)"
             : why;
}

const Json* Newest(const std::vector<Json>& pods) {
  const auto newest = std::max_element(
      pods.begin(), pods.end(), [](const Json& a, const Json& b) {
        // RFC 3339 in UTC orders as text.
        return kube::StringAt(a, {"metadata", "creationTimestamp"}) <
               kube::StringAt(b, {"metadata", "creationTimestamp"});
      });
  return newest == pods.end() ? nullptr : &*newest;
}

std::string WhatRuns(const Json& pod) {
  if (StateOf(pod, "running") != nullptr) return "the worker runs";
  if (const Json* waiting = StateOf(pod, "waiting")) {
    const std::string why = kube::StringAt(*waiting, {"reason"});
    if (why.empty() || why == "ContainerCreating") {
      return "the worker starts";
    }
    return "the worker cannot start: " + why + ": " +
           kube::StringAt(*waiting, {"message"});
  }
  const std::string end = EndOf(pod);
  if (!end.empty())
    return "an attempt failed: " + end + "; another one follows";
  return "the worker waits for a node";
}

}  // namespace

std::string UnpackName(std::string_view claim_uid,
                       const dataset::UnpackRequest& request) {
  return "unpack-" + std::string(claim_uid) + "-" +
         dataset::ArchiveVersion(request.url, request.format, request.extract,
                                 request.sha256);
}

Json BuildUnpackSecret(const Json& claim, std::string_view operator_namespace,
                       const dataset::UnpackRequest& request) {
  Json secret = Frame(kube::kSecrets, claim, operator_namespace, request);
  secret["type"] = "Opaque";
  secret["data"] = EncodeSecretData(request.ToSecretData());
  return secret;
}

Json BuildUnpackJob(const Json& claim, std::string_view operator_namespace,
                    const dataset::UnpackRequest& request,
                    const WorkerOptions& options) {
  Json job = Frame(kJobs, claim, operator_namespace, request);
  Json& spec = job["spec"];
  spec = {{"backoffLimit", kAttemptsMax - 1},
          {"activeDeadlineSeconds", kJobSecondsMax}};
  spec["podFailurePolicy"]["rules"] = Json::array(
      {{{"action", "FailJob"},
        {"onExitCodes",
         {{"containerName", kContainer},
          {"operator", "In"},
          {"values", Json::array({kExitForGood})}}}},
       {{"action", "Ignore"},
        {"onPodConditions",
         Json::array({{{"type", "DisruptionTarget"}, {"status", "True"}}})}}});
  Json& pod = spec["template"];
  pod["metadata"]["labels"] = Labels(kube::UidOf(claim));
  pod["spec"] = BuildPod(kube::NameOf(job), options);
  return job;
}

bool IsComplete(const Json& job) { return HasCondition(job, "Complete"); }

UnpackOutcome JudgeUnpackJob(const Json& job, const std::vector<Json>& pods) {
  using State = UnpackOutcome::State;
  const Json* const pod = Newest(pods);
  const std::string end = pod == nullptr ? std::string() : EndOf(*pod);
  if (IsComplete(job)) return {.state = State::kDone, .message = end};
  if (HasCondition(job, "Failed")) {
    return {.state = State::kFailed,
            .message = !end.empty() ? end : ConditionMessage(job, "Failed")};
  }
  UnpackOutcome outcome;
  outcome.message =
      pod == nullptr ? std::string("the worker starts") : WhatRuns(*pod);
  if (pod != nullptr && StateOf(*pod, "running") != nullptr) {
    const std::string address = kube::StringAt(*pod, {"status", "podIP"});
    const Json* port = kube::Field(*pod, {"spec", "containers"});
    const int number =
        port == nullptr || port->empty()
            ? kProgressPort
            : port->front().value(Json::json_pointer("/ports/0/containerPort"),
                                  kProgressPort);
    const bool is_v6 = address.find(':') != std::string::npos;
    if (!address.empty()) {
      outcome.progress_address = (is_v6 ? "[" + address + "]" : address) + ":" +
                                 std::to_string(number);
    }
  }
  return outcome;
}

std::string DescribeProgress(std::string_view progress_json) {
  const Json progress = Json::parse(progress_json, nullptr, false);
  const auto number = [&](const char* key) -> std::uint64_t {
    if (!progress.is_object()) return 0;
    const auto found = progress.find(key);
    return found != progress.end() && found->is_number_unsigned()
               ? found->get<std::uint64_t>()
               : 0;
  };
  if (!progress.is_object() || !progress.contains("files")) return {};
  std::string text = std::to_string(number("files")) + " files, " +
                     std::to_string(number("bytesWritten") / kMib) +
                     " MiB so far";
  const std::uint64_t total = number("bytesTotal");
  const std::uint64_t read = std::min(number("bytesRead"), total);
  if (total > 0) {
    // In this order there is no overflow.
    text += ", " +
            std::to_string(static_cast<int>(static_cast<double>(read) /
                                            static_cast<double>(total) * 100)) +
            " % of the archive";
  }
  return text;
}

}  // namespace datashim::controllers
