#include "dataset/environment.h"

#include <string>

#include "base/strings.h"

namespace datashim::dataset {
namespace {

std::string Folder(const VolumeConfig& config) {
  std::string folder = config.prefix;
  if (!folder.empty()) folder.pop_back();  // Its trailing '/'.
  return folder;
}

SecretString BoolText(bool value) {
  return SecretString(value ? "true" : "false");
}

bool RemovesOnDelete(const Dataset& dataset) {
  const auto label = dataset.labels.find("remove-on-delete");
  return label != dataset.labels.end() &&
         ParseBool(label->second).value_or(false);
}

}  // namespace

StringMap ConfigMapData(const ResolvedSpec& spec) {
  return {{"endpoint", spec.config.endpoint},
          {"bucket", spec.config.bucket},
          {"folder", Folder(spec.config)},
          {"region", spec.config.region}};
}

SecretData EnvSecretData(const Dataset& dataset, const ResolvedSpec& spec,
                         const VolumeConfig& config) {
  SecretData data;
  for (auto& [key, value] : ConfigMapData(spec)) {
    data[key] = SecretString(value);
  }
  data["accessKeyID"] = config.access_key_id;
  data["secretAccessKey"] = config.secret_access_key;
  data["readonly"] = BoolText(config.read_only);
  data["extract"] = BoolText(spec.extract);
  data["provision"] = BoolText(spec.provision);
  data["remove-on-delete"] = BoolText(RemovesOnDelete(dataset));
  return data;
}

}  // namespace datashim::dataset
