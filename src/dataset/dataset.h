// Dataset: the API object as a type. Parsed once where it arrives; whether its
// spec makes sense is decided in validation.h.

#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace datashim::dataset {

using StringMap = std::map<std::string, std::string, std::less<>>;

/// Bounds of spec.local and spec.remote; the CRD's schema has the same.
inline constexpr std::size_t kSpecKeysMax = 64;
inline constexpr std::size_t kSpecKeyBytesMax = 253;
inline constexpr std::size_t kSpecValueBytesMax = 4096;

/// One half of the status, as upstream has it: `status` is "", "Initializing",
/// "Pending", "OK", "Disabled" or "Failed".
struct PhaseStatus {
  std::string status;
  std::string info;

  friend bool operator==(const PhaseStatus&, const PhaseStatus&) = default;
};

/// Dataset, datashim.io/v1alpha1 (DatasetInternal has the same spec).
/// Thread-compatible.
struct Dataset {
  std::string namespace_name;
  std::string name;
  std::string uid;
  std::int64_t generation = 0;
  StringMap labels;
  bool being_deleted = false;  ///< metadata.deletionTimestamp is set.

  /// Absent and empty differ: `local` wins over `remote` if it is there.
  std::optional<StringMap> local;
  std::optional<StringMap> remote;
  std::string type;  ///< "ARCHIVE" or empty.
  std::string url;
  std::string format;
  std::string extract;
  std::string sha256;  ///< Of the archive; not upstream's.

  PhaseStatus provision;  ///< status.provision, as last written.

  /// spec.local[key]; null if it is not there.
  const std::string* Local(std::string_view key) const;
};

/// Takes the object as the API server sends it.
/// @return kInvalidArgument, naming the field, if a value has the wrong type
///     or exceeds a bound. Unknown fields are ignored.
Result<Dataset> ParseDataset(const nlohmann::json& object);

}  // namespace datashim::dataset
