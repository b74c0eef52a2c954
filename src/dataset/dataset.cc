#include "dataset/dataset.h"

#include <nlohmann/json.hpp>

namespace datashim::dataset {
namespace {

using Json = nlohmann::json;

Error Invalid(std::string_view field, std::string_view why) {
  return {ErrorCode::kInvalidArgument,
          std::string(field) + ": " + std::string(why)};
}

// The member, or null if it is absent or JSON's null.
const Json* Member(const Json& object, std::string_view key) {
  const auto found = object.find(key);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

// An object member, or an empty object if it is absent.
Result<const Json*> ObjectMember(const Json& object, std::string_view key) {
  static const Json kEmpty = Json::object();
  const Json* member = Member(object, key);
  if (member == nullptr) return &kEmpty;
  if (!member->is_object()) return Invalid(key, "must be an object");
  return member;
}

// A string member, or "" if it is absent.
Status Read(const Json& object, std::string_view path, std::string_view key,
            std::string& out) {
  const Json* member = Member(object, key);
  if (member == nullptr) return OkStatus();
  const std::string field = std::string(path) + "." + std::string(key);
  if (!member->is_string()) return Invalid(field, "must be a string");
  out = member->get_ref<const std::string&>();
  if (out.size() > kSpecValueBytesMax) return Invalid(field, "is too long");
  return OkStatus();
}

Result<StringMap> ReadMap(const Json& map, std::string_view path) {
  if (!map.is_object()) return Invalid(path, "must be an object");
  if (map.size() > kSpecKeysMax) return Invalid(path, "has too many keys");
  StringMap result;
  for (const auto& [key, value] : map.items()) {
    if (key.size() > kSpecKeyBytesMax) {
      return Invalid(path, "has a key that is too long");
    }
    DS_RETURN_IF_ERROR(Read(map, path, key, result[key]));
  }
  return result;
}

Status ReadOptionalMap(const Json& object, std::string_view path,
                       std::string_view key, std::optional<StringMap>& out) {
  const Json* member = Member(object, key);
  if (member == nullptr) return OkStatus();
  DS_ASSIGN_OR_RETURN(
      out, ReadMap(*member, std::string(path) + "." + std::string(key)));
  return OkStatus();
}

Status ReadMetadata(const Json& metadata, Dataset& dataset) {
  constexpr std::string_view kPath = "metadata";
  DS_RETURN_IF_ERROR(
      Read(metadata, kPath, "namespace", dataset.namespace_name));
  DS_RETURN_IF_ERROR(Read(metadata, kPath, "name", dataset.name));
  DS_RETURN_IF_ERROR(Read(metadata, kPath, "uid", dataset.uid));
  if (const Json* generation = Member(metadata, "generation")) {
    if (!generation->is_number_integer()) {
      return Invalid("metadata.generation", "must be an integer");
    }
    dataset.generation = generation->get<std::int64_t>();
  }
  dataset.being_deleted = Member(metadata, "deletionTimestamp") != nullptr;
  // Bounded by the API server: metadata as a whole has at most 256 KiB.
  DS_ASSIGN_OR_RETURN(const Json* labels, ObjectMember(metadata, "labels"));
  for (const auto& [key, value] : labels->items()) {
    DS_RETURN_IF_ERROR(
        Read(*labels, "metadata.labels", key, dataset.labels[key]));
  }
  return OkStatus();
}

Status ReadSpec(const Json& spec, Dataset& dataset) {
  constexpr std::string_view kPath = "spec";
  DS_RETURN_IF_ERROR(ReadOptionalMap(spec, kPath, "local", dataset.local));
  DS_RETURN_IF_ERROR(ReadOptionalMap(spec, kPath, "remote", dataset.remote));
  DS_RETURN_IF_ERROR(Read(spec, kPath, "type", dataset.type));
  DS_RETURN_IF_ERROR(Read(spec, kPath, "url", dataset.url));
  DS_RETURN_IF_ERROR(Read(spec, kPath, "format", dataset.format));
  DS_RETURN_IF_ERROR(Read(spec, kPath, "extract", dataset.extract));
  return Read(spec, kPath, "sha256", dataset.sha256);
}

}  // namespace

const std::string* Dataset::Local(std::string_view key) const {
  if (!local) return nullptr;
  const auto found = local->find(key);
  return found == local->end() ? nullptr : &found->second;
}

Result<Dataset> ParseDataset(const Json& object) {
  if (!object.is_object()) return Invalid("dataset", "must be an object");
  Dataset dataset;
  DS_ASSIGN_OR_RETURN(const Json* metadata, ObjectMember(object, "metadata"));
  DS_RETURN_IF_ERROR(ReadMetadata(*metadata, dataset));
  DS_ASSIGN_OR_RETURN(const Json* spec, ObjectMember(object, "spec"));
  DS_RETURN_IF_ERROR(ReadSpec(*spec, dataset));
  DS_ASSIGN_OR_RETURN(const Json* status, ObjectMember(object, "status"));
  DS_ASSIGN_OR_RETURN(const Json* provision,
                      ObjectMember(*status, "provision"));
  constexpr std::string_view kPath = "status.provision";
  DS_RETURN_IF_ERROR(
      Read(*provision, kPath, "status", dataset.provision.status));
  DS_RETURN_IF_ERROR(Read(*provision, kPath, "info", dataset.provision.info));
  return dataset;
}

}  // namespace datashim::dataset
