#include "migrate/plan.h"

#include <algorithm>
#include <utility>

#include "base/strings.h"
#include "dataset/dataset.h"
#include "dataset/validation.h"

namespace datashim::migrate {
namespace {

using kube::Json;

/// On what upstream makes: the name of the Dataset.
constexpr std::string_view kDatasetLabel = "dataset";
constexpr std::string_view kFinalizers[] = {
    "dataset-finalizer", "hpsys.ibm.ie.com",
    "external-provisioner.volume.kubernetes.io/finalizer"};
/// Not by people: kubectl's copy of the object, and assignments of a cache.
constexpr std::string_view kAnnotationsLeft[] = {
    "kubectl.kubernetes.io/last-applied-configuration", "dlf-plugin-type",
    "dlf-plugin-name"};
constexpr std::string_view kOperatorImage = "/dataset-operator";

/// The image without registry's port, tag and digest.
std::string_view RepositoryOf(std::string_view image) {
  image = image.substr(0, image.find('@'));
  const std::size_t colon = image.rfind(':');
  const std::size_t slash = image.rfind('/');
  const bool has_tag = colon != std::string_view::npos &&
                       (slash == std::string_view::npos || colon > slash);
  return has_tag ? image.substr(0, colon) : image;
}

/// Whether upstream's operator made it for this Dataset.
bool IsUpstreams(const Json& object, const Found& found) {
  const std::string name = kube::NameOf(found.dataset);
  const bool is_owned =
      found.internal && kube::IsOwnedBy(object, kube::UidOf(*found.internal));
  return is_owned || (kube::LabelOf(object, kDatasetLabel) == name &&
                      kube::ControllerUidOf(object).empty());
}

bool IsOurs(const Json& object, const Found& found) {
  return found.new_dataset &&
         kube::ControllerUidOf(object) == kube::UidOf(*found.new_dataset);
}

std::string SpecOf(const Json& dataset) {
  const Json* spec = kube::Field(dataset, {"spec"});
  return spec == nullptr ? "" : spec->dump();
}

/// Why this Dataset cannot be one of ours; nullopt if it can.
std::optional<std::string> WhyNot(const Found& found) {
  const Json converted = ConvertDataset(found.dataset);
  const auto parsed = dataset::ParseDataset(converted);
  if (!parsed.ok()) return parsed.error().message;
  const auto spec = dataset::Validate(*parsed);
  if (!spec.ok()) return spec.error().message;
  if (kube::IsBeingDeleted(found.dataset)) {
    return "it is being deleted; wait for that, or take its finalizers off";
  }
  if (found.new_dataset && !found.is_of_our_group &&
      SpecOf(*found.new_dataset) != SpecOf(converted)) {
    return "there is a Dataset of that name in the group datashim.io, with "
           "another spec; delete one of the two";
  }
  if (found.claim && !IsOurs(*found.claim, found)) {
    if (!IsUpstreams(*found.claim, found)) {
      return "the PersistentVolumeClaim of that name was not made by upstream "
             "(no label dataset); rename or delete it";
    }
    if (!found.pods.empty()) {
      return "its claim is used by pods (" + Join(found.pods, ", ") +
             "); end them, and run this again";
    }
  }
  return std::nullopt;
}

/// The place of an archive, which upstream never deletes.
void NoteArchive(const Found& found, Plan& plan) {
  if (kube::StringAt(found.dataset, {"spec", "type"}) != "ARCHIVE") return;
  std::string note = "the archive is fetched and unpacked anew";
  if (found.internal) {
    note += "; what upstream unpacked stays in bucket " +
            kube::StringAt(*found.internal, {"spec", "local", "bucket"}) +
            " at " +
            kube::StringAt(*found.internal, {"spec", "local", "endpoint"});
  }
  plan.notes.push_back(std::move(note));
}

class Planner {
 public:
  explicit Planner(const Found& found) : found_(found) {}

  Plan Make() {
    const bool claim_goes = found_.claim && !IsOurs(*found_.claim, found_);
    if (claim_goes && found_.volume) Retain(*found_.volume);
    if (!found_.new_dataset) {
      Add(Step::Kind::kCreate, kDatasets, ConvertDataset(found_.dataset),
          "make it, with the same spec");
    }
    if (found_.internal) {
      Remove(found_.is_of_our_group ? kInternals : kOldInternals,
             *found_.internal, "upstream's copy of the Dataset");
    }
    if (claim_goes) {
      Remove(kube::kPersistentVolumeClaims, *found_.claim,
             "the operator makes it anew, under its name, for the same data");
    }
    RemoveCompanions();
    if (claim_goes && found_.volume) {
      Remove(kube::kPersistentVolumes, *found_.volume,
             "of the old driver; what it stands for stays");
    }
    if (!found_.is_of_our_group) {
      Remove(kOldDatasets, found_.dataset, "its successor is there");
    }
    NoteArchive(found_, plan_);
    return std::move(plan_);
  }

 private:
  void Add(Step::Kind kind, const kube::ResourceType& type, Json object,
           const std::string& why) {
    const char* const verb = kind == Step::Kind::kRetain   ? ": retain: "
                             : kind == Step::Kind::kCreate ? ": create: "
                                                           : ": remove: ";
    std::string group(type.group);
    plan_.steps.push_back({.kind = kind,
                           .type = type,
                           .object = std::move(object),
                           .text = std::string(type.kind) +
                                   (group.empty() ? "" : "." + group) + " "});
    Step& step = plan_.steps.back();
    step.text += kube::NameOf(step.object) + verb + why;
  }
  void Remove(const kube::ResourceType& type, const Json& object,
              const std::string& why) {
    Add(Step::Kind::kRemove, type, object, why);
  }
  void Retain(const Json& volume) {
    if (kube::StringAt(volume, {"spec", "persistentVolumeReclaimPolicy"}) ==
        "Retain") {
      return;
    }
    Add(Step::Kind::kRetain, kube::kPersistentVolumes, volume,
        "nothing deletes its data when the claim goes");
  }
  /// ConfigMap and Secret that upstream named like the Dataset.
  void RemoveCompanions() {
    if (found_.config_map && !IsOurs(*found_.config_map, found_) &&
        IsUpstreams(*found_.config_map, found_)) {
      Remove(kube::kConfigMaps, *found_.config_map,
             "the operator makes it anew");
    }
    const bool is_owners_secret =
        kube::StringAt(found_.dataset, {"spec", "local", "secret-name"}) ==
        kube::NameOf(found_.dataset);
    if (found_.secret && !is_owners_secret && !IsOurs(*found_.secret, found_) &&
        IsUpstreams(*found_.secret, found_)) {
      Remove(kube::kSecrets, *found_.secret, "upstream's copy of the keys");
    }
  }

  const Found& found_;
  Plan plan_;
};

}  // namespace

Json ConvertDataset(const Json& dataset) {
  Json converted = kube::MakeObject(kDatasets, kube::KeyOf(dataset));
  for (const char* map : {"labels", "annotations"}) {
    const Json* values = kube::Field(dataset, {"metadata", map});
    if (values == nullptr || !values->is_object()) continue;
    Json kept = *values;
    for (const std::string_view key : kAnnotationsLeft) {
      kept.erase(std::string(key));
    }
    if (!kept.empty()) converted["metadata"][map] = std::move(kept);
  }
  const Json* spec = kube::Field(dataset, {"spec"});
  converted["spec"] = spec == nullptr ? Json::object() : *spec;
  return converted;
}

Plan PlanMigration(const Found& found) {
  if (auto why = WhyNot(found))
    return {.refusal = std::move(why), .steps = {}, .notes = {}};
  return Planner(found).Make();
}

bool DropFinalizers(Json& object) {
  bool dropped = false;
  for (const std::string_view finalizer : kFinalizers) {
    dropped |= kube::RemoveFinalizer(object, finalizer);
  }
  return dropped;
}

std::vector<std::string> RunningOperators(
    const std::vector<Json>& deployments) {
  std::vector<std::string> running;
  for (const Json& deployment : deployments) {
    const Json* replicas = kube::Field(deployment, {"spec", "replicas"});
    const Json* containers =
        kube::Field(deployment, {"spec", "template", "spec", "containers"});
    if ((replicas != nullptr && *replicas == 0) || containers == nullptr) {
      continue;
    }
    const bool is_upstreams = std::any_of(
        containers->begin(), containers->end(), [](const Json& container) {
          const std::string image = kube::StringAt(container, {"image"});
          return RepositoryOf(image).ends_with(kOperatorImage);
        });
    if (is_upstreams) running.push_back(kube::KeyOf(deployment).ToString());
  }
  return running;
}

bool UsesClaim(const Json& pod, std::string_view claim) {
  const std::string phase = kube::StringAt(pod, {"status", "phase"});
  if (phase == "Succeeded" || phase == "Failed") return false;
  const Json* volumes = kube::Field(pod, {"spec", "volumes"});
  return volumes != nullptr && volumes->is_array() &&
         std::any_of(volumes->begin(), volumes->end(),
                     [claim](const Json& volume) {
                       return kube::StringAt(volume, {"persistentVolumeClaim",
                                                      "claimName"}) == claim;
                     });
}

}  // namespace datashim::migrate
