#include "fuse/protocol.h"

#include <gtest/gtest.h>
#include <linux/fuse.h>

namespace datashim::fuse::wire {
namespace {

// The kernel's header on this machine may be older than what we speak, so only
// what 7.34 had is compared.
TEST(ProtocolTest, StructuresHaveTheKernelsLayout) {
  EXPECT_EQ(sizeof(InHeader), sizeof(fuse_in_header));
  EXPECT_EQ(offsetof(InHeader, pid), offsetof(fuse_in_header, pid));
  EXPECT_EQ(sizeof(OutHeader), sizeof(fuse_out_header));
  EXPECT_EQ(offsetof(InitOut, congestion_threshold),
            offsetof(fuse_init_out, congestion_threshold));
  EXPECT_EQ(offsetof(InitOut, max_pages), offsetof(fuse_init_out, max_pages));
  EXPECT_EQ(sizeof(Attr), sizeof(fuse_attr));
  EXPECT_EQ(offsetof(Attr, blksize), offsetof(fuse_attr, blksize));
  EXPECT_EQ(offsetof(Attr, uid), offsetof(fuse_attr, uid));
  EXPECT_EQ(sizeof(EntryOut), sizeof(fuse_entry_out));
  EXPECT_EQ(offsetof(EntryOut, attr_valid_nsec),
            offsetof(fuse_entry_out, attr_valid_nsec));
  EXPECT_EQ(sizeof(AttrOut), sizeof(fuse_attr_out));
  EXPECT_EQ(sizeof(SetattrIn), sizeof(fuse_setattr_in));
  EXPECT_EQ(offsetof(SetattrIn, mtime), offsetof(fuse_setattr_in, mtime));
  EXPECT_EQ(offsetof(SetattrIn, uid), offsetof(fuse_setattr_in, uid));
  EXPECT_EQ(sizeof(OpenIn), sizeof(fuse_open_in));
  EXPECT_EQ(sizeof(CreateIn), sizeof(fuse_create_in));
  EXPECT_EQ(sizeof(OpenOut), sizeof(fuse_open_out));
  EXPECT_EQ(sizeof(ReleaseIn), sizeof(fuse_release_in));
  EXPECT_EQ(sizeof(ReleaseIn), sizeof(fuse_flush_in));
  EXPECT_EQ(offsetof(ReleaseIn, lock_owner),
            offsetof(fuse_flush_in, lock_owner));
  EXPECT_EQ(sizeof(FsyncIn), sizeof(fuse_fsync_in));
  EXPECT_EQ(sizeof(ReadIn), sizeof(fuse_read_in));
  EXPECT_EQ(sizeof(WriteIn), sizeof(fuse_write_in));
  EXPECT_EQ(offsetof(WriteIn, lock_owner), offsetof(fuse_write_in, lock_owner));
  EXPECT_EQ(sizeof(WriteOut), sizeof(fuse_write_out));
  EXPECT_EQ(sizeof(MkdirIn), sizeof(fuse_mkdir_in));
  EXPECT_EQ(sizeof(MknodIn), sizeof(fuse_mknod_in));
  EXPECT_EQ(sizeof(RenameIn), sizeof(fuse_rename_in));
  EXPECT_EQ(sizeof(Rename2In), sizeof(fuse_rename2_in));
  EXPECT_EQ(sizeof(ForgetIn), sizeof(fuse_forget_in));
  EXPECT_EQ(sizeof(BatchForgetIn), sizeof(fuse_batch_forget_in));
  EXPECT_EQ(sizeof(ForgetOne), sizeof(fuse_forget_one));
  EXPECT_EQ(sizeof(InterruptIn), sizeof(fuse_interrupt_in));
  EXPECT_EQ(sizeof(StatfsOut), sizeof(fuse_statfs_out));
  EXPECT_EQ(sizeof(Dirent), FUSE_NAME_OFFSET);
  EXPECT_EQ(sizeof(DirentPlus), FUSE_NAME_OFFSET_DIRENTPLUS);
  EXPECT_EQ(sizeof(NotifyInvalInode), sizeof(fuse_notify_inval_inode_out));
  EXPECT_EQ(sizeof(NotifyInvalEntry), sizeof(fuse_notify_inval_entry_out));
}

TEST(ProtocolTest, NumbersAreTheKernels) {
  EXPECT_EQ(kMajor, std::uint32_t{FUSE_KERNEL_VERSION});
  const std::pair<Opcode, int> opcodes[] = {
      {Opcode::kLookup, FUSE_LOOKUP},
      {Opcode::kForget, FUSE_FORGET},
      {Opcode::kGetattr, FUSE_GETATTR},
      {Opcode::kSetattr, FUSE_SETATTR},
      {Opcode::kSymlink, FUSE_SYMLINK},
      {Opcode::kMknod, FUSE_MKNOD},
      {Opcode::kMkdir, FUSE_MKDIR},
      {Opcode::kUnlink, FUSE_UNLINK},
      {Opcode::kRmdir, FUSE_RMDIR},
      {Opcode::kRename, FUSE_RENAME},
      {Opcode::kLink, FUSE_LINK},
      {Opcode::kOpen, FUSE_OPEN},
      {Opcode::kRead, FUSE_READ},
      {Opcode::kWrite, FUSE_WRITE},
      {Opcode::kStatfs, FUSE_STATFS},
      {Opcode::kRelease, FUSE_RELEASE},
      {Opcode::kFsync, FUSE_FSYNC},
      {Opcode::kFlush, FUSE_FLUSH},
      {Opcode::kInit, FUSE_INIT},
      {Opcode::kOpendir, FUSE_OPENDIR},
      {Opcode::kReaddir, FUSE_READDIR},
      {Opcode::kReleasedir, FUSE_RELEASEDIR},
      {Opcode::kCreate, FUSE_CREATE},
      {Opcode::kInterrupt, FUSE_INTERRUPT},
      {Opcode::kDestroy, FUSE_DESTROY},
      {Opcode::kBatchForget, FUSE_BATCH_FORGET},
      {Opcode::kReaddirplus, FUSE_READDIRPLUS},
      {Opcode::kRename2, FUSE_RENAME2},
  };
  for (const auto& [ours, kernels] : opcodes) {
    EXPECT_EQ(static_cast<int>(ours), kernels);
  }
  const std::pair<std::uint64_t, std::uint64_t> flags[] = {
      {kAsyncRead, FUSE_ASYNC_READ},
      {kAtomicOTrunc, FUSE_ATOMIC_O_TRUNC},
      {kBigWrites, FUSE_BIG_WRITES},
      {kDoReaddirplus, FUSE_DO_READDIRPLUS},
      {kReaddirplusAuto, FUSE_READDIRPLUS_AUTO},
      {kParallelDirops, FUSE_PARALLEL_DIROPS},
      {kMaxPages, FUSE_MAX_PAGES},
      {kExplicitInvalData, FUSE_EXPLICIT_INVAL_DATA},
      {kInitExt, FUSE_INIT_EXT},
      {kSetMode, FATTR_MODE},
      {kSetUid, FATTR_UID},
      {kSetGid, FATTR_GID},
      {kSetSize, FATTR_SIZE},
      {kSetMtime, FATTR_MTIME},
      {kSetFh, FATTR_FH},
      {kSetMtimeNow, FATTR_MTIME_NOW},
      {kWriteLockOwner, FUSE_WRITE_LOCKOWNER},
      {kOpenDirectIo, FOPEN_DIRECT_IO},
      {kOpenKeepCache, FOPEN_KEEP_CACHE},
  };
  for (const auto& [ours, kernels] : flags) EXPECT_EQ(ours, kernels);
  EXPECT_EQ(kNotifyInvalInode, FUSE_NOTIFY_INVAL_INODE);
  EXPECT_EQ(kNotifyInvalEntry, FUSE_NOTIFY_INVAL_ENTRY);
}

}  // namespace
}  // namespace datashim::fuse::wire
