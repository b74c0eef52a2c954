#include "dataset/names.h"

#include <algorithm>

namespace datashim::dataset {
namespace {

bool IsLowerOrDigit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

}  // namespace

Status CheckName(std::string_view name) {
  const bool well_formed = !name.empty() && IsLowerOrDigit(name.front()) &&
                           IsLowerOrDigit(name.back()) &&
                           std::all_of(name.begin(), name.end(), [](char c) {
                             return IsLowerOrDigit(c) || c == '-';
                           });
  if (!well_formed) {
    return Error{ErrorCode::kInvalidArgument,
                 "metadata.name: must consist of lower case letters, digits "
                 "or '-', and must start and end with a letter or digit (e.g. "
                 "'example-dataset' or '123-dataset')"};
  }
  if (name.size() > kNameBytesMax) {
    return Error{ErrorCode::kInvalidArgument,
                 "metadata.name: must have at most " +
                     std::to_string(kNameBytesMax) + " characters"};
  }
  return OkStatus();
}

std::string VolumeName(std::string_view claim_uid) {
  return "pvc-" + std::string(claim_uid);
}

std::string VolumeSecretName(std::string_view claim_uid) {
  return "vol-" + std::string(claim_uid);
}

std::string MountPath(std::string_view dataset_name) {
  return "/mnt/datasets/" + std::string(dataset_name);
}

std::string EnvPrefix(std::string_view dataset_name) {
  return std::string(dataset_name) + "_";
}

}  // namespace datashim::dataset
