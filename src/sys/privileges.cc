#include "sys/privileges.h"

#include <seccomp.h>
#include <sys/capability.h>
#include <sys/prctl.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <string>

#include "sys/errno_error.h"

namespace datashim::sys {
namespace {

// Without CAP_SETPCAP the bounding set stays; then no_new_privs alone sees to
// it that no exec gains anything.
Status ShrinkBoundingSet(std::span<const int> kept) {
  const cap_value_t count = cap_max_bits();
  for (cap_value_t value = 0; value < count; ++value) {
    if (std::find(kept.begin(), kept.end(), value) != kept.end()) continue;
    if (cap_drop_bound(value) != 0 && errno != EPERM) {
      return ErrnoError(errno, "drop a capability of the bounding set");
    }
  }
  return OkStatus();
}

}  // namespace

Status DropPrivileges(std::span<const int> kept) {
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    return ErrnoError(errno, "set no_new_privs");
  }
  DS_RETURN_IF_ERROR(ShrinkBoundingSet(kept));
  if (cap_reset_ambient() != 0) {
    return ErrnoError(errno, "clear the ambient capabilities");
  }
  const std::unique_ptr<std::remove_pointer_t<cap_t>, int (*)(void*)> caps(
      cap_init(), cap_free);
  if (caps == nullptr) return ErrnoError(errno, "make a capability set");
  const int count = static_cast<int>(kept.size());
  if (count > 0 && (cap_set_flag(caps.get(), CAP_PERMITTED, count, kept.data(),
                                 CAP_SET) != 0 ||
                    cap_set_flag(caps.get(), CAP_EFFECTIVE, count, kept.data(),
                                 CAP_SET) != 0)) {
    return ErrnoError(errno, "fill a capability set");
  }
  if (cap_set_proc(caps.get()) != 0) {
    return ErrnoError(errno, "drop capabilities");
  }
  return OkStatus();
}

Status AllowSystemCalls(std::span<const char* const> names,
                        std::span<const unsigned long> ioctls) {
  const std::unique_ptr<void, void (*)(void*)> filter(
      seccomp_init(SCMP_ACT_ERRNO(EPERM)), seccomp_release);
  if (filter == nullptr) {
    return Error{ErrorCode::kInternal, "make a system call filter"};
  }
  for (const char* const name : names) {
    const int number = seccomp_syscall_resolve_name(name);
    if (number == __NR_SCMP_ERROR) {
      return Error{ErrorCode::kInvalidArgument,
                   std::string("system call filter: unknown name ") + name};
    }
    // A pseudo number: this architecture has no such call.
    if (number < 0) continue;
    if (const int failed =
            seccomp_rule_add(filter.get(), SCMP_ACT_ALLOW, number, 0)) {
      return ErrnoError(-failed, std::string("system call filter: ") + name);
    }
  }
  for (const unsigned long command : ioctls) {
    // The kernel looks at the lower half of the register only.
    const scmp_arg_cmp is_command = {1, SCMP_CMP_MASKED_EQ, 0xffffffff,
                                     command};
    if (const int failed = seccomp_rule_add_array(
            filter.get(), SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1, &is_command)) {
      return ErrnoError(-failed, "system call filter: ioctl");
    }
  }
  if (const int failed =
          seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_TSYNC, 1)) {
    return ErrnoError(-failed, "system call filter: all threads");
  }
  if (const int failed = seccomp_load(filter.get())) {
    return ErrnoError(-failed, "load the system call filter");
  }
  return OkStatus();
}

}  // namespace datashim::sys
