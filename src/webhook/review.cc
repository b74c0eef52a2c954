#include "webhook/review.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <utility>

#include "base/strings.h"
#include "dataset/pod_annotations.h"
#include "dataset/pod_labels.h"
#include "dataset/validation.h"
#include "webhook/pod_patch.h"

namespace datashim::webhook {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kApiVersion = "admission.k8s.io/v1";
constexpr std::string_view kKind = "AdmissionReview";
/// The API server drops warnings over 4 KiB in total.
constexpr std::size_t kWarningsMax = 16;

Error Invalid(std::string message) {
  return {ErrorCode::kInvalidArgument, std::move(message)};
}

Result<Json> ParseJson(std::string_view text) {
  if (text.size() > kReviewBytesMax) {
    return Invalid("admission review: is longer than " +
                   std::to_string(kReviewBytesMax) + " bytes");
  }
  bool too_deep = false;
  const auto check_depth = [&too_deep](int depth, Json::parse_event_t, Json&) {
    too_deep = too_deep || depth > kReviewDepthMax;
    return !too_deep;  // Drops what is deeper, so that memory is bounded.
  };
  Json json = Json::parse(text, check_depth, /*allow_exceptions=*/false);
  if (too_deep) return Invalid("admission review: is nested too deeply");
  if (json.is_discarded()) return Invalid("admission review: is no JSON");
  return json;
}

// The string member; "" if it is absent or something else.
std::string Text(const Json& object, std::string_view key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>()
                                                     : std::string();
}

const Json* ObjectMember(const Json& object, std::string_view key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_object() ? &*found : nullptr;
}

// The part of an AdmissionReview that matters here.
struct Request {
  std::string uid;
  std::string operation;
  std::string namespace_name;
  bool dry_run = false;
  const Json* pod = nullptr;  // Set for CREATE.
};

Result<Request> ReadRequest(const Json& review) {
  if (!review.is_object() || Text(review, "apiVersion") != kApiVersion ||
      Text(review, "kind") != kKind) {
    return Invalid("admission review: is no AdmissionReview of " +
                   std::string(kApiVersion));
  }
  const Json* json = ObjectMember(review, "request");
  if (json == nullptr) return Invalid("admission review: has no request");
  Request request;
  request.uid = Text(*json, "uid");
  request.operation = Text(*json, "operation");
  request.namespace_name = Text(*json, "namespace");
  const auto dry_run = json->find("dryRun");
  request.dry_run = dry_run != json->end() && *dry_run == true;
  if (request.uid.empty()) return Invalid("admission review: has no uid");
  if (request.operation != "CREATE") return request;
  request.pod = ObjectMember(*json, "object");
  if (request.pod == nullptr) return Invalid("admission review: has no pod");
  if (request.namespace_name.empty()) {
    return Invalid("admission review: has no namespace");
  }
  return request;
}

// The pod's labels or annotations; `kind` is one of them, as a word.
Result<dataset::StringMap> MetadataOf(const Json& pod,
                                      const std::string& kind) {
  dataset::StringMap entries;
  const Json* metadata = ObjectMember(pod, "metadata");
  const Json* json =
      metadata != nullptr ? ObjectMember(*metadata, kind + "s") : nullptr;
  if (json == nullptr) return entries;
  for (const auto& [key, value] : json->items()) {
    if (!value.is_string()) {
      return Invalid(kind + " " + key + ": is no string");
    }
    entries.emplace(key, value.get<std::string>());
  }
  return entries;
}

// Names of containers that the pod does not have (yet: other webhooks may add
// them), for its author to see.
void WarnOfUnknownContainers(const dataset::DatasetUse& use, const Json& pod,
                             std::vector<std::string>& warnings) {
  std::set<std::string> names;
  const Json* spec = ObjectMember(pod, "spec");
  for (const char* kind : {"initContainers", "containers"}) {
    if (spec == nullptr || !spec->contains(kind)) continue;
    for (const Json& container : (*spec)[kind]) {
      if (container.is_object()) names.insert(Text(container, "name"));
    }
  }
  for (const auto* list :
       {&use.options.containers, &use.options.skipped_containers}) {
    for (const std::string& name : *list) {
      if (names.contains(name)) continue;
      warnings.push_back("annotations of dataset." + std::to_string(use.index) +
                         ": the pod has no " + "container " + name);
    }
  }
}

struct Plan {
  Json patch = Json::array();
  std::vector<std::string> env_datasets;
  std::vector<std::string> warnings;
};

std::optional<std::string> ReadinessWarning(const dataset::Dataset& dataset) {
  if (dataset.being_deleted) {
    return "dataset " + dataset.name +
           " is being deleted: the pod waits until there is a new one";
  }
  const std::string& status = dataset.provision.status;
  if (status == "OK") return std::nullopt;
  return "dataset " + dataset.name + " is not ready (" +
         (status.empty() ? "new" : status) + "): the pod waits until it is";
}

// Null if it is missing and may be.
Result<std::optional<PodDataset>> Resolve(const dataset::DatasetUse& use,
                                          const std::string& namespace_name,
                                          const DatasetLookup& lookup,
                                          Plan& plan) {
  const auto found = lookup(namespace_name, use.name);
  if (!found.ok()) {
    if (found.error().code == ErrorCode::kNotFound && use.options.optional) {
      plan.warnings.push_back("dataset " + use.name +
                              " not found in namespace " + namespace_name +
                              ": the pod runs without it");
      return std::optional<PodDataset>();
    }
    if (found.error().code == ErrorCode::kNotFound) {
      return Error{ErrorCode::kNotFound,
                   "dataset " + use.name + " not found in namespace " +
                       namespace_name +
                       ": create it, or correct the pod's labels"};
    }
    return Error{ErrorCode::kUnavailable,
                 "dataset " + use.name +
                     " could not be queried: " + found.error().message};
  }
  if (use.as_config_map && !dataset::HasEnvironment(*found)) {
    return Invalid("dataset " + use.name +
                   " has no ConfigMap, because it is not of type COS: use it "
                   "as mount only");
  }
  if (use.as_mount || use.as_config_map) {
    if (auto warning = ReadinessWarning(*found)) {
      plan.warnings.push_back(*std::move(warning));
    }
  }
  if (use.as_config_map) plan.env_datasets.push_back(use.name);
  return std::optional(PodDataset{use.name, use.as_mount, use.as_config_map,
                                  dataset::IsReadOnly(*found), use.options});
}

Result<Plan> MakePlan(const Request& request, const DatasetLookup& lookup) {
  Plan plan;
  DS_ASSIGN_OR_RETURN(const dataset::StringMap labels,
                      MetadataOf(*request.pod, "label"));
  DS_ASSIGN_OR_RETURN(const dataset::StringMap annotations,
                      MetadataOf(*request.pod, "annotation"));
  DS_ASSIGN_OR_RETURN(dataset::PodDatasets wanted,
                      dataset::ParsePodLabels(labels));
  DS_RETURN_IF_ERROR(dataset::ReadPodAnnotations(annotations, wanted));
  plan.warnings = std::move(wanted.warnings);
  std::vector<PodDataset> datasets;
  for (const dataset::DatasetUse& use : wanted.uses) {
    WarnOfUnknownContainers(use, *request.pod, plan.warnings);
    DS_ASSIGN_OR_RETURN(std::optional<PodDataset> resolved,
                        Resolve(use, request.namespace_name, lookup, plan));
    if (resolved) datasets.push_back(*std::move(resolved));
  }
  DS_ASSIGN_OR_RETURN(plan.patch, PodPatch(*request.pod, datasets));
  return plan;
}

Json Denial(const Error& error) {
  Json status = {{"status", "Failure"}, {"message", error.message}};
  switch (error.code) {
    case ErrorCode::kNotFound:
      status["code"] = 404;
      status["reason"] = "NotFound";
      break;
    case ErrorCode::kUnavailable:
      status["code"] = 503;
      status["reason"] = "ServiceUnavailable";
      break;
    default:
      status["code"] = 400;
      status["reason"] = "BadRequest";
  }
  return status;
}

std::string Answer(const Request& request, Json response) {
  response["uid"] = request.uid;
  const Json review = {{"apiVersion", kApiVersion},
                       {"kind", kKind},
                       {"response", std::move(response)}};
  // Messages may quote bytes that are no UTF-8; replace does not throw.
  return review.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

Result<Reviewed> Review(std::string_view body, const DatasetLookup& lookup) {
  DS_ASSIGN_OR_RETURN(const Json review, ParseJson(body));
  DS_ASSIGN_OR_RETURN(const Request request, ReadRequest(review));
  Reviewed reviewed;
  reviewed.namespace_name = request.namespace_name;
  if (request.pod == nullptr) {
    reviewed.allowed = true;
    const std::string message =
        "No Pod mutation required for operation " + request.operation + ".";
    reviewed.response = Answer(
        request, {{"allowed", true}, {"status", {{"message", message}}}});
    return reviewed;
  }

  Result<Plan> plan = MakePlan(request, lookup);
  if (!plan.ok()) {
    reviewed.response =
        Answer(request, {{"allowed", false}, {"status", Denial(plan.error())}});
    return reviewed;
  }
  Json response = {{"allowed", true}};
  if (!plan->patch.empty()) {
    response["patchType"] = "JSONPatch";
    response["patch"] = Base64Encode(plan->patch.dump());
  }
  if (plan->warnings.size() > kWarningsMax) plan->warnings.resize(kWarningsMax);
  if (!plan->warnings.empty()) response["warnings"] = plan->warnings;
  reviewed.allowed = true;
  if (!request.dry_run) reviewed.env_datasets = std::move(plan->env_datasets);
  reviewed.response = Answer(request, std::move(response));
  return reviewed;
}

}  // namespace datashim::webhook
