// SpecReader: reads the keys of spec.local. Knows which keys a type has, so
// that its messages name the key and a mistyped one. Used by the readers of
// each type and by nobody else.

#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "dataset/dataset.h"

namespace datashim::dataset {

/// "spec.local.<key>".
std::string LocalField(std::string_view key);

/// kInvalidArgument "<field>: <why>".
Error InvalidField(std::string_view field, std::string_view why);

/// Immutable; `local` and `known` outlive it.
class SpecReader {
 public:
  /// @param known the keys of the type; one that ends in '.' stands for all
  ///     keys that begin with it.
  SpecReader(const StringMap& local, std::span<const std::string_view> known)
      : local_(local), known_(known) {}

  /// The value of a key; "" if it is absent. Templates leave empty values
  /// where nothing is meant, so that both are the same.
  std::string_view Value(std::string_view key) const;
  /// True also for an empty value.
  bool Has(std::string_view key) const { return local_.contains(key); }
  const StringMap& local() const { return local_; }

  /// The value, or kInvalidArgument "… is missing<hint>" with the key that
  /// looks like it.
  Result<std::string_view> Required(std::string_view key,
                                    std::string_view hint) const;
  /// False if it is absent or empty.
  Result<bool> Bool(std::string_view key) const;

  /// `out` = parse(value), unless the value is absent or empty.
  template <typename Parse, typename T>
  Status Optional(std::string_view key, Parse parse, T& out) const {
    const std::string_view value = Value(key);
    if (value.empty()) return OkStatus();
    auto parsed = parse(value);
    if (!parsed.ok()) return parsed.error().Wrap(LocalField(key));
    out = *std::move(parsed);
    return OkStatus();
  }
  /// Names the key if `check` refuses its value; OK if it is absent or empty.
  template <typename Check>
  Status Checked(std::string_view key, Check check) const {
    const std::string_view value = Value(key);
    if (value.empty()) return OkStatus();
    if (Status status = check(value); !status.ok()) {
      return status.error().Wrap(LocalField(key));
    }
    return OkStatus();
  }

  /// "; did you mean it by 'endpiont'?" if an unknown key looks like `key`.
  std::string MistypedAs(std::string_view key) const;
  /// One sentence for each key that the type does not have.
  std::vector<std::string> UnknownKeys() const;

 private:
  bool IsKnown(std::string_view key) const;

  const StringMap& local_;
  const std::span<const std::string_view> known_;
};

/// "true" or "false" as ParseBool takes them; empty is false.
Result<bool> ReadBool(std::string_view text, std::string_view field);

/// True for what can be the name of a Secret, ConfigMap or StorageClass.
bool IsObjectName(std::string_view name);

}  // namespace datashim::dataset
