#include "fuse/errno_map.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <set>

namespace datashim::fuse {
namespace {

TEST(ErrnoMapTest, EveryErrorHasItsOwnErrno) {
  const std::pair<fs::FsError, int> cases[] = {
      {fs::FsError::kNotFound, ENOENT},
      {fs::FsError::kExists, EEXIST},
      {fs::FsError::kNotDirectory, ENOTDIR},
      {fs::FsError::kIsDirectory, EISDIR},
      {fs::FsError::kNotEmpty, ENOTEMPTY},
      {fs::FsError::kReadOnly, EROFS},
      {fs::FsError::kPermission, EACCES},
      {fs::FsError::kNotSupported, EOPNOTSUPP},
      {fs::FsError::kInvalid, EINVAL},
      {fs::FsError::kNameTooLong, ENAMETOOLONG},
      {fs::FsError::kTooLarge, EFBIG},
      {fs::FsError::kNoSpace, ENOSPC},
      {fs::FsError::kStale, ESTALE},
      {fs::FsError::kBadHandle, EBADF},
      {fs::FsError::kBusy, EBUSY},
      {fs::FsError::kCrossDevice, EXDEV},
      {fs::FsError::kTimedOut, ETIMEDOUT},
      {fs::FsError::kInterrupted, EINTR},
      {fs::FsError::kIo, EIO},
  };
  std::set<int> seen;
  for (const auto& [error, number] : cases) {
    EXPECT_EQ(ErrnoOf(error), number);
    EXPECT_TRUE(seen.insert(number).second) << number;
  }
}

}  // namespace
}  // namespace datashim::fuse
