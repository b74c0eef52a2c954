#include "dataset/pod_labels.h"

#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string_view>

#include "base/strings.h"

namespace datashim::dataset {
namespace {

constexpr std::string_view kPrefix = "dataset.";
constexpr std::string_view kId = "id";
constexpr std::string_view kUseAs = "useas";

struct RawUse {
  std::optional<std::string> id;
  std::optional<std::string> useas;
};

Error Invalid(std::string_view label, std::string_view why) {
  return {ErrorCode::kInvalidArgument,
          "label " + std::string(label) + ": " + std::string(why)};
}

std::string LabelOf(std::int64_t index, std::string_view field) {
  return std::string(kPrefix) + std::to_string(index) + "." +
         std::string(field);
}

// Other people have labels that start with `dataset.` too. Ours are told by
// what a mistyped one would still have: a number, or the word at the end.
bool IsOurs(std::string_view label) {
  if (label.find('/') != std::string_view::npos) return false;
  const std::vector<std::string_view> parts = Split(label, '.');
  const bool numbered =
      !parts[1].empty() &&
      parts[1].find_first_not_of("+-0123456789") == std::string_view::npos;
  return numbered || parts.back() == kId || parts.back() == kUseAs;
}

Status ReadLabel(std::string_view label, const std::string& value,
                 std::map<std::int64_t, RawUse>& uses) {
  const std::vector<std::string_view> parts = Split(label, '.');
  if (parts.size() != 3 || (parts[2] != kId && parts[2] != kUseAs)) {
    return Invalid(label,
                   "must be dataset.<number>.id or dataset.<number>.useas");
  }
  const std::optional<std::int64_t> index =
      ParseInt(parts[1], 0, std::numeric_limits<std::int32_t>::max());
  if (!index) {
    return Invalid(label, "its index must be a number such as 0 or 1");
  }
  RawUse& use = uses[*index];
  (parts[2] == kId ? use.id : use.useas) = value;
  return OkStatus();
}

Result<DatasetUse> Interpret(std::int64_t index, const RawUse& raw) {
  if (!raw.id) {
    return Invalid(LabelOf(index, kUseAs),
                   "there is no label " + LabelOf(index, kId) + " to it");
  }
  if (raw.id->empty()) {
    return Invalid(LabelOf(index, kId), "must be the name of a Dataset");
  }
  DatasetUse use;
  use.name = *raw.id;
  use.index = index;
  if (!raw.useas) return use;
  for (const std::string_view word : Split(*raw.useas, '.')) {
    if (word == "mount") {
      use.as_mount = true;
    } else if (word == "configmap") {
      use.as_config_map = true;
    } else {
      return Invalid(LabelOf(index, kUseAs),
                     "'" + std::string(word) +
                         "' is not recognized; it must be mount, configmap or "
                         "mount.configmap");
    }
  }
  return use;
}

}  // namespace

Result<PodDatasets> ParsePodLabels(const StringMap& labels) {
  PodDatasets result;
  std::map<std::int64_t, RawUse> raw_uses;
  for (auto label = labels.lower_bound(kPrefix);
       label != labels.end() && label->first.starts_with(kPrefix); ++label) {
    const auto& [key, value] = *label;
    if (IsOurs(key)) {
      DS_RETURN_IF_ERROR(ReadLabel(key, value, raw_uses));
    } else {
      result.warnings.push_back("label " + key +
                                ": is none of Datashim's and left alone");
    }
  }
  std::set<std::string, std::less<>> names;
  for (const auto& [index, raw] : raw_uses) {
    DS_ASSIGN_OR_RETURN(DatasetUse use, Interpret(index, raw));
    if (!names.insert(use.name).second) {
      return Invalid(
          LabelOf(index, kId),
          "dataset name " + use.name + " has been used in a previous label");
    }
    if (!raw.useas) {
      result.warnings.push_back("label " + LabelOf(index, kId) +
                                ": adds nothing without a label " +
                                LabelOf(index, kUseAs));
    }
    result.uses.push_back(std::move(use));
  }
  return result;
}

}  // namespace datashim::dataset
