#include "webhook/pod_patch.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "dataset/names.h"

namespace datashim::webhook {
namespace {

using Json = nlohmann::json;

Error Invalid(std::string message) {
  return {ErrorCode::kInvalidArgument, std::move(message)};
}

// The member, or null if it is absent or JSON's null.
const Json* Member(const Json& object, std::string_view key) {
  const auto found = object.find(key);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

// An array of objects, or null if it is absent.
Result<const Json*> ObjectArray(const Json& object, std::string_view key) {
  const Json* array = Member(object, key);
  if (array == nullptr) return array;
  bool well_formed = array->is_array();
  for (const Json& item : *array) well_formed = well_formed && item.is_object();
  if (!well_formed) {
    return Invalid("pod: " + std::string(key) + " is no list of objects");
  }
  return array;
}

const Json& ItemsOf(const Json* array) {
  static const Json kNone = Json::array();
  return array != nullptr ? *array : kNone;
}

// The string at a path of one or two steps, "" if there is none.
std::string Text(const Json& object, std::string_view key,
                 std::string_view member = {}) {
  const Json* value = Member(object, key);
  if (value != nullptr && !member.empty()) {
    value = value->is_object() ? Member(*value, member) : nullptr;
  }
  return value != nullptr && value->is_string() ? value->get<std::string>()
                                                : std::string();
}

enum class Position { kIndex, kDash };

// Adds `items` at the end of the array at `path`, which `array` is now.
void Append(Json& patch, const std::string& path, const Json* array, Json items,
            Position position) {
  if (items.empty()) return;
  if (array == nullptr) {
    patch.push_back({{"op", "add"}, {"path", path}, {"value", items}});
    return;
  }
  std::size_t index = array->size();
  for (Json& item : items) {
    const std::string last =
        position == Position::kDash ? "-" : std::to_string(index++);
    patch.push_back(
        {{"op", "add"}, {"path", path + "/" + last}, {"value", item}});
  }
}

Json VolumeOf(const PodDataset& dataset) {
  Json volume = {{"name", dataset.name},
                 {"persistentVolumeClaim", {{"claimName", dataset.name}}}};
  if (dataset.read_only || dataset.options.read_only) {
    volume["persistentVolumeClaim"]["readOnly"] = true;
  }
  return volume;
}

Json MountOf(const PodDataset& dataset, const std::string& path) {
  Json mount = {{"name", dataset.name}, {"mountPath", path}};
  if (!dataset.options.sub_path.empty()) {
    mount["subPath"] = dataset.options.sub_path;
  }
  // Also where the pod declares the volume itself, writable.
  if (dataset.options.read_only) mount["readOnly"] = true;
  return mount;
}

// Whether the pod's author wants the container to have the Dataset.
bool IsFor(const PodDataset& dataset, const std::string& container) {
  const auto names = [&](const std::vector<std::string>& list) {
    return std::find(list.begin(), list.end(), container) != list.end();
  };
  const dataset::UseOptions& options = dataset.options;
  return (options.containers.empty() || names(options.containers)) &&
         !names(options.skipped_containers);
}

// The containers and init containers of a pod, with their JSON pointers.
struct Container {
  const Json* object;
  std::string path;
};

Result<std::vector<Container>> ContainersOf(const Json& spec) {
  std::vector<Container> containers;
  for (const std::string_view kind : {"initContainers", "containers"}) {
    DS_ASSIGN_OR_RETURN(const Json* array, ObjectArray(spec, kind));
    if (array == nullptr) continue;
    std::size_t index = 0;
    for (const Json& container : *array) {
      containers.push_back({&container, "/spec/" + std::string(kind) + "/" +
                                            std::to_string(index++)});
    }
  }
  return containers;
}

// The datasets that containers must mount. Adds their volumes to the patch.
Result<std::vector<const PodDataset*>> PlanVolumes(
    const Json& spec, const std::vector<PodDataset>& datasets, Json& patch) {
  DS_ASSIGN_OR_RETURN(const Json* volumes, ObjectArray(spec, "volumes"));
  Json added = Json::array();
  std::vector<const PodDataset*> to_mount;
  for (const PodDataset& dataset : datasets) {
    if (!dataset.as_mount) continue;
    const Json* of_claim = nullptr;
    const Json* of_name = nullptr;
    for (const Json& volume : ItemsOf(volumes)) {
      if (Text(volume, "name") == dataset.name) of_name = &volume;
      if (Text(volume, "persistentVolumeClaim", "claimName") == dataset.name) {
        of_claim = &volume;
      }
    }
    if (of_claim != nullptr && of_claim != of_name) continue;
    if (of_name != nullptr && of_claim == nullptr) {
      return Invalid("pod volume " + dataset.name +
                     " has the name of dataset " + dataset.name +
                     " but is something else: give the volume another name");
    }
    if (of_name == nullptr) added.push_back(VolumeOf(dataset));
    to_mount.push_back(&dataset);
  }
  Append(patch, "/spec/volumes", volumes, std::move(added), Position::kIndex);
  return to_mount;
}

std::string_view WithoutTrailingSlashes(std::string_view path) {
  while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  return path;
}

Status PlanMounts(const Container& container,
                  const std::vector<const PodDataset*>& datasets, Json& patch) {
  DS_ASSIGN_OR_RETURN(const Json* mounts,
                      ObjectArray(*container.object, "volumeMounts"));
  Json added = Json::array();
  const std::string name = Text(*container.object, "name");
  for (const PodDataset* dataset : datasets) {
    if (!IsFor(*dataset, name)) continue;
    const std::string path = dataset->options.mount_path.empty()
                                 ? dataset::MountPath(dataset->name)
                                 : dataset->options.mount_path;
    const auto is_at_path = [&path](const Json& mount) {
      return WithoutTrailingSlashes(Text(mount, "mountPath")) == path;
    };
    const Json& present = ItemsOf(mounts);
    if (std::any_of(present.begin(), present.end(), [&](const Json& mount) {
          return Text(mount, "name") == dataset->name;
        })) {
      continue;
    }
    if (std::any_of(present.begin(), present.end(), is_at_path) ||
        std::any_of(added.begin(), added.end(), is_at_path)) {
      return Invalid("container " + name + " mounts something else at " + path +
                     ", the place of dataset " + dataset->name +
                     ": use another mountPath");
    }
    added.push_back(MountOf(*dataset, path));
  }
  Append(patch, container.path + "/volumeMounts", mounts, std::move(added),
         Position::kIndex);
  return OkStatus();
}

Status PlanEnvironment(const Container& container,
                       const std::vector<PodDataset>& datasets, Json& patch) {
  DS_ASSIGN_OR_RETURN(const Json* sources,
                      ObjectArray(*container.object, "envFrom"));
  Json added = Json::array();
  for (const PodDataset& dataset : datasets) {
    if (!dataset.as_config_map ||
        !IsFor(dataset, Text(*container.object, "name"))) {
      continue;
    }
    bool is_there = false;
    for (const Json& source : ItemsOf(sources)) {
      is_there = is_there ||
                 Text(source, "configMapRef", "name") == dataset.name ||
                 Text(source, "secretRef", "name") == dataset.name;
    }
    if (is_there) continue;
    for (const char* kind : {"configMapRef", "secretRef"}) {
      added.push_back({{"prefix", dataset::EnvPrefix(dataset.name)},
                       {kind, {{"name", dataset.name}}}});
    }
  }
  Append(patch, container.path + "/envFrom", sources, std::move(added),
         Position::kDash);
  return OkStatus();
}

}  // namespace

Result<Json> PodPatch(const Json& pod,
                      const std::vector<PodDataset>& datasets) {
  const Json* spec = Member(pod, "spec");
  if (spec == nullptr || !spec->is_object()) {
    return Invalid("pod: spec is no object");
  }
  DS_ASSIGN_OR_RETURN(const std::vector<Container> containers,
                      ContainersOf(*spec));
  Json patch = Json::array();
  DS_ASSIGN_OR_RETURN(const std::vector<const PodDataset*> to_mount,
                      PlanVolumes(*spec, datasets, patch));
  for (const Container& container : containers) {
    DS_RETURN_IF_ERROR(PlanMounts(container, to_mount, patch));
  }
  for (const Container& container : containers) {
    DS_RETURN_IF_ERROR(PlanEnvironment(container, datasets, patch));
  }
  return patch;
}

}  // namespace datashim::webhook
