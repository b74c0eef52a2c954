// What the keeper lets node ask for, as pure functions of text. Whether a path
// leads through a symbolic link only the kernel can say: see kubelet_tree.h.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "keeper/client.h"
#include "sys/mount_table.h"

namespace datashim::keeper {

/// Source and subtype of every mount of ours: it shows as "fuse.datashim".
inline constexpr char kMountSource[] = "datashim";

inline constexpr std::size_t kKeptMountsMax = 512;
inline constexpr std::uint32_t kReadaheadKibMax = 16384;
/// Files that the kernel reads by itself for one mount. Each is an open file
/// in the kernel's count of them (fs.file-max).
inline constexpr std::uint32_t kBackingsPerMountMax = 4096;

/// kInvalidArgument unless the path is absolute, has at most kPathBytesMax
/// bytes, no control characters, no empty, "." or ".." component and no '/' at
/// its end. "/" itself is not allowed.
Status CheckNormalized(std::string_view path);

/// The part of `path` below `kubelet_dir`, without leading '/'.
/// @return kInvalidArgument if it is not normalized or not strictly below.
/// REQUIRES: CheckNormalized(kubelet_dir) is OK.
Result<std::string> RelativeToKubelet(std::string_view kubelet_dir,
                                      std::string_view path);

/// kInvalidArgument unless the name is a normalized path without leading '/'.
Status CheckRelative(std::string_view name);

/// Ids have the characters [A-Za-z0-9._-] and their bounds of protocol.h.
Status CheckSpec(const MountSpec& spec);

/// 1..kReadaheadKibMax.
Status CheckReadahead(std::uint32_t readahead_kib);

/// True for mounts that the keeper made (or a keeper before it).
bool IsOurs(const sys::MountEntry& entry);

/// True for file systems whose server could block a walk through them.
bool BlocksWalk(const sys::MountEntry& entry);

}  // namespace datashim::keeper
