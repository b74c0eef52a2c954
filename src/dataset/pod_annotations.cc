#include "dataset/pod_annotations.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <string_view>
#include <utility>

#include "base/strings.h"

namespace datashim::dataset {
namespace {

constexpr std::string_view kPrefix = "dataset.";

Error Invalid(std::string why) {
  return {ErrorCode::kInvalidArgument, std::move(why)};
}

bool HasParentStep(std::string_view path) {
  const std::vector<std::string_view> steps = Split(path, '/');
  return std::find(steps.begin(), steps.end(), "..") != steps.end();
}

Result<std::string> ReadMountPath(std::string_view value) {
  while (value.size() > 1 && value.ends_with('/')) value.remove_suffix(1);
  // The API server refuses ':' too, but says so of an array index.
  if (!value.starts_with('/') || value == "/" || HasParentStep(value) ||
      value.find(':') != std::string_view::npos) {
    return Invalid(
        "must be an absolute path such as /models, not /, and "
        "without '..' and ':'");
  }
  return std::string(value);
}

Result<std::string> ReadSubPath(std::string_view value) {
  if (value.empty() || value.starts_with('/') || HasParentStep(value)) {
    return Invalid(
        "must be a path inside the Dataset such as llama/7b, "
        "without '/' at its start and without '..'");
  }
  return std::string(value);
}

Result<bool> ReadBool(std::string_view value) {
  if (value == "true") return true;
  if (value == "false") return false;
  return Invalid("must be \"true\" or \"false\"");
}

Result<std::vector<std::string>> ReadNames(std::string_view value) {
  std::vector<std::string> names;
  for (const std::string_view part : Split(value, ',')) {
    const std::string_view name = TrimSpace(part);
    if (name.empty()) {
      return Invalid("must be names of containers, separated by commas");
    }
    names.emplace_back(name);
  }
  return names;
}

Status ReadOption(std::string_view option, std::string_view value,
                  UseOptions& options) {
  if (option == "mount-path") {
    DS_ASSIGN_OR_RETURN(options.mount_path, ReadMountPath(value));
  } else if (option == "sub-path") {
    DS_ASSIGN_OR_RETURN(options.sub_path, ReadSubPath(value));
  } else if (option == "read-only") {
    DS_ASSIGN_OR_RETURN(options.read_only, ReadBool(value));
  } else if (option == "containers") {
    DS_ASSIGN_OR_RETURN(options.containers, ReadNames(value));
  } else if (option == "skip-containers") {
    DS_ASSIGN_OR_RETURN(options.skipped_containers, ReadNames(value));
  } else if (option == "optional") {
    DS_ASSIGN_OR_RETURN(options.optional, ReadBool(value));
  } else {
    return Invalid(
        "is unknown; there are mount-path, sub-path, read-only, containers, "
        "skip-containers and optional");
  }
  return OkStatus();
}

}  // namespace

Status ReadPodAnnotations(const StringMap& annotations, PodDatasets& datasets) {
  for (auto annotation = annotations.lower_bound(kPrefix);
       annotation != annotations.end() &&
       annotation->first.starts_with(kPrefix);
       ++annotation) {
    const std::vector<std::string_view> parts = Split(annotation->first, '.');
    const std::optional<std::int64_t> index =
        ParseInt(parts[1], 0, std::numeric_limits<std::int32_t>::max());
    if (!index || parts.size() < 3) continue;
    const auto use = std::find_if(
        datasets.uses.begin(), datasets.uses.end(),
        [&](const DatasetUse& each) { return each.index == *index; });
    const std::string subject = "annotation " + annotation->first + ": ";
    if (use == datasets.uses.end()) {
      return Invalid(subject + "there is no label dataset." +
                     std::string(parts[1]) + ".id to it");
    }
    const std::string_view option =
        std::string_view(annotation->first)
            .substr(kPrefix.size() + parts[1].size() + 1);
    const Status read = ReadOption(option, annotation->second, use->options);
    if (!read.ok()) return Invalid(subject + read.error().message);
  }
  return OkStatus();
}

}  // namespace datashim::dataset
