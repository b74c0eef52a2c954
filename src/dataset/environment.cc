#include "dataset/environment.h"

#include <string>

#include "base/check.h"

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

}  // namespace

StringMap ConfigMapData(const VolumeConfig& config) {
  return {{"endpoint", config.endpoint},
          {"bucket", config.bucket},
          {"folder", Folder(config)},
          {"region", config.region}};
}

SecretData EnvSecretData(const ResolvedSpec& spec, const VolumeConfig& config) {
  const BucketSource* bucket = spec.bucket();
  DS_CHECK(bucket != nullptr);
  SecretData data;
  for (auto& [key, value] : ConfigMapData(config)) {
    data[key] = SecretString(value);
  }
  data["accessKeyID"] = config.access_key_id;
  data["secretAccessKey"] = config.secret_access_key;
  data["readonly"] = BoolText(config.read_only);
  data["extract"] = BoolText(spec.extract);
  data["provision"] = BoolText(bucket->provision);
  data["remove-on-delete"] = BoolText(bucket->remove_on_delete);
  return data;
}

}  // namespace datashim::dataset
