// The readers of each type's keys, one file per type. Used by Validate only.

#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "dataset/dataset.h"
#include "dataset/source.h"
#include "dataset/spec_reader.h"

namespace datashim::dataset {

// Keys of each type, "type" included.
extern const std::span<const std::string_view> kBucketKeys;
extern const std::span<const std::string_view> kNfsKeys;
extern const std::span<const std::string_view> kHostKeys;
extern const std::span<const std::string_view> kCsiKeys;
extern const std::span<const std::string_view> kH3Keys;
std::span<const std::string_view> ArchiveKeys();

/// size, access-mode, readonly and mount-options, which all types have.
/// @param mount_options which ones the type takes.
Result<VolumeShape> ReadShape(const SpecReader& reader,
                              std::span<const std::string_view> mount_options);

/// Each reads the shape as well, because a type may narrow or imply it. Errors
/// name the key. What is odd but harmless is added to `warnings`.
Result<BucketSource> ReadBucketSource(const Dataset& dataset,
                                      const SpecReader& reader,
                                      VolumeShape& shape,
                                      std::vector<std::string>& warnings);
Result<NfsSource> ReadNfsSource(const SpecReader& reader, VolumeShape& shape);
Result<HostSource> ReadHostSource(const SpecReader& reader, VolumeShape& shape);
Result<CsiSource> ReadCsiSource(const SpecReader& reader, VolumeShape& shape);
/// H3 is a volume of its own CSI driver.
Result<CsiSource> ReadH3Source(const Dataset& dataset, const SpecReader& reader,
                               VolumeShape& shape);
Result<ArchiveSource> ReadArchiveSource(const Dataset& dataset,
                                        const SpecReader& reader,
                                        VolumeShape& shape,
                                        std::vector<std::string>& warnings);

/// What a bucket is like, without where it is and who opens it.
Status ReadBucketLook(const Dataset& dataset, const SpecReader& reader,
                      VolumeShape& shape, BucketSource& source,
                      std::vector<std::string>& warnings);

}  // namespace datashim::dataset
