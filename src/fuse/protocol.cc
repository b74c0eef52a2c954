// Checks when it is compiled that the structures have the kernel's layout;
// protocol_test compares with the kernel's own header.

#include "fuse/protocol.h"

#include <type_traits>

namespace datashim::fuse::wire {
namespace {

template <typename T>
constexpr bool HasWireSize(std::size_t bytes) {
  return sizeof(T) == bytes && alignof(T) <= alignof(std::uint64_t) &&
         std::is_trivially_copyable_v<T> &&
         std::has_unique_object_representations_v<T>;  // No hidden padding.
}

static_assert(HasWireSize<InHeader>(40) && offsetof(InHeader, uid) == 24);
static_assert(HasWireSize<OutHeader>(16) && offsetof(OutHeader, unique) == 8);
static_assert(HasWireSize<InitIn>(64) && offsetof(InitIn, flags2) == 16);
static_assert(HasWireSize<InitOut>(64) && offsetof(InitOut, max_pages) == 28 &&
              offsetof(InitOut, flags2) == 32 &&
              offsetof(InitOut, max_stack_depth) == 36 &&
              offsetof(InitOut, request_timeout) == 40);
static_assert(HasWireSize<Attr>(88) && offsetof(Attr, mode) == 60);
static_assert(HasWireSize<EntryOut>(128) && offsetof(EntryOut, attr) == 40);
static_assert(HasWireSize<AttrOut>(104) && offsetof(AttrOut, attr) == 16);
static_assert(HasWireSize<SetattrIn>(88) && offsetof(SetattrIn, mode) == 68);
static_assert(HasWireSize<OpenIn>(8));
static_assert(HasWireSize<CreateIn>(16));
static_assert(HasWireSize<OpenOut>(16) && offsetof(OpenOut, backing_id) == 12);
static_assert(HasWireSize<CreateOut>(144));
static_assert(HasWireSize<ReleaseIn>(24));
static_assert(HasWireSize<FsyncIn>(16));
static_assert(HasWireSize<ReadIn>(40) && offsetof(ReadIn, size) == 16);
static_assert(HasWireSize<WriteIn>(40) && offsetof(WriteIn, size) == 16);
static_assert(HasWireSize<WriteOut>(8));
static_assert(HasWireSize<MkdirIn>(8));
static_assert(HasWireSize<MknodIn>(16));
static_assert(HasWireSize<RenameIn>(8));
static_assert(HasWireSize<Rename2In>(16));
static_assert(HasWireSize<ForgetIn>(8));
static_assert(HasWireSize<BatchForgetIn>(8));
static_assert(HasWireSize<ForgetOne>(16));
static_assert(HasWireSize<InterruptIn>(8));
static_assert(HasWireSize<StatfsOut>(80) && offsetof(StatfsOut, bsize) == 40);
static_assert(HasWireSize<Dirent>(24) && offsetof(Dirent, namelen) == 16);
static_assert(HasWireSize<DirentPlus>(152));
static_assert(HasWireSize<NotifyInvalInode>(24));
static_assert(HasWireSize<NotifyInvalEntry>(16));

}  // namespace
}  // namespace datashim::fuse::wire
