#include "dataset/spec_reader.h"

#include <algorithm>

#include "base/strings.h"
#include "dataset/spell.h"

namespace datashim::dataset {
namespace {

// Kubernetes' limit for names of Secrets, ConfigMaps and classes.
constexpr std::size_t kObjectNameBytesMax = 253;

std::string UnknownKey(std::string_view key,
                       std::span<const std::string_view> known) {
  // A key that earlier documents named and no version ever read.
  if (key == "folder") {
    return LocalField(key) +
           ": has no effect; write it behind the bucket: <bucket>/<folder>";
  }
  const std::string_view nearest = NearestWord(key, known);
  return LocalField(key) + ": unknown key" +
         (nearest.empty() ? std::string(", ignored")
                          : ", did you mean " + std::string(nearest) + "?");
}

}  // namespace

std::string LocalField(std::string_view key) {
  return "spec.local." + std::string(key);
}

Error InvalidField(std::string_view field, std::string_view why) {
  return {ErrorCode::kInvalidArgument,
          std::string(field) + ": " + std::string(why)};
}

std::string_view SpecReader::Value(std::string_view key) const {
  const auto found = local_.find(key);
  return found == local_.end() ? std::string_view() : found->second;
}

Result<std::string_view> SpecReader::Required(std::string_view key,
                                              std::string_view hint) const {
  const std::string_view value = Value(key);
  if (!value.empty()) return value;
  return InvalidField(LocalField(key),
                      "is missing" + std::string(hint) + MistypedAs(key));
}

Result<bool> SpecReader::Bool(std::string_view key) const {
  return ReadBool(Value(key), LocalField(key));
}

std::string SpecReader::MistypedAs(std::string_view key) const {
  for (const auto& [other, value] : local_) {
    if (!IsKnown(other) && NearestWord(other, known_) == key) {
      return "; did you mean it by '" + other + "'?";
    }
  }
  return {};
}

std::vector<std::string> SpecReader::UnknownKeys() const {
  std::vector<std::string> warnings;
  for (const auto& [key, value] : local_) {
    if (!IsKnown(key)) warnings.push_back(UnknownKey(key, known_));
  }
  return warnings;
}

bool SpecReader::IsKnown(std::string_view key) const {
  return std::any_of(
      known_.begin(), known_.end(), [key](std::string_view known) {
        return known.ends_with('.') ? key.starts_with(known) : key == known;
      });
}

Result<bool> ReadBool(std::string_view text, std::string_view field) {
  if (text.empty()) return false;
  const std::optional<bool> value = ParseBool(text);
  if (!value) {
    return InvalidField(
        field, "'" + std::string(text) + "' is neither \"true\" nor \"false\"");
  }
  return *value;
}

bool IsObjectName(std::string_view name) {
  return !name.empty() && name.size() <= kObjectNameBytesMax &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                  c == '-' || c == '.';
         });
}

}  // namespace datashim::dataset
