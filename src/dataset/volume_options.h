// Volume options: the rules for values that say how a volume looks rather than
// where it is: sizes, access modes, ids, modes, times and mount options. Pure.
// Messages do not name the key: the caller wraps them with it.

#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace datashim::dataset {

/// The longest that names and attributes may be served without asking.
inline constexpr std::chrono::seconds kMetadataTtlMax{24 * 3600};

/// A quantity of Kubernetes that is more than nothing, such as "10Gi".
Status CheckSize(std::string_view size);

/// One of PersistentVolumeClaim.spec.accessModes.
Status CheckAccessMode(std::string_view mode);

/// A user's or group's number. 2^32 - 1 is no id: chown takes it for "leave".
Result<std::uint32_t> ParseId(std::string_view text);

/// Permission bits in octal, "640" or "0640".
Result<std::uint32_t> ParseMode(std::string_view text);

/// "30", "30s", "5m" or "1h", at most kMetadataTtlMax.
Result<std::chrono::seconds> ParseTtl(std::string_view text);

/// A comma-separated list. Each option, up to a '=', must be one of `known`; if
/// that is empty, any word.
Result<std::vector<std::string>> ParseMountOptions(
    std::string_view text, std::span<const std::string_view> known);

/// What a mount of a bucket may be given. All but ro and rw change nothing:
/// they are so in any case, or an object store has no such thing.
inline constexpr std::string_view kBucketMountOptions[] = {
    "ro", "rw", "nosuid", "nodev", "noatime", "nodiratime", "relatime"};

}  // namespace datashim::dataset
