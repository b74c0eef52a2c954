// What an error of the store means in POSIX terms. The only place that knows.

#pragma once

#include <string>

#include "base/result.h"
#include "fs/file_system.h"

namespace datashim::fs {

/// For calls on names: kNotFound stays kNotFound.
FsFailure ToFsFailure(const Error& error);

/// For bytes of an object that was there when it was opened: that it is gone or
/// changed is kStale.
FsFailure ToReadFailure(const Error& error);

/// For listings and uploads: what was not found is the bucket or the upload,
/// which is kIo and no missing file.
FsFailure ToBucketFailure(const Error& error);

/// The name of the enumerator without k, such as "NotFound"; for logs.
const char* FsErrorName(FsError error);

}  // namespace datashim::fs
