// Objects that are made for a measurement, and deleted after it.

#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "s3/client.h"
#include "store/object_store.h"

namespace datashim::bench {

/// Makes 4 objects of 256 MiB below "large/", if they are wanted, and 2,000 of
/// 16 KiB below "small/" in the store, of bytes that do not compress.
Status MakeTestObjects(store::ObjectStore& store, bool large);

/// Deletes everything below the prefix, versions included.
/// REQUIRES: the prefix was made up for MakeTestObjects, and ends in '/'.
Status DeleteTestObjects(const std::shared_ptr<s3::S3Client>& client,
                         const std::string& bucket, const std::string& prefix);

}  // namespace datashim::bench
