// S3 as store::ObjectStore: one bucket and prefix of an S3Client.

#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "s3/client.h"
#include "store/object_store.h"

namespace datashim::s3 {

/// Binds the client to a bucket and a prefix (empty, or with '/' at its end).
/// Opens no connection: see S3Client::ProbeBucket.
/// @return kInvalidArgument if bucket or prefix cannot be.
Result<std::shared_ptr<store::ObjectStore>> MakeObjectStore(
    std::shared_ptr<S3Client> client, std::string bucket, std::string prefix);

}  // namespace datashim::s3
