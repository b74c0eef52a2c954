#include "fs/names.h"

#include "base/log.h"

namespace datashim::fs {

const char* WhyHidden(std::string_view name) {
  if (name.empty()) return "an empty part (\"//\" or a leading \"/\")";
  if (name == "." || name == "..") return "a part \".\" or \"..\"";
  if (name.size() > kNameBytesMax) return "a part of more than 255 bytes";
  if (name.find('\0') != std::string_view::npos) return "a NUL byte";
  if (name.find('/') != std::string_view::npos) return "a '/' in a part";
  return nullptr;
}

std::optional<FsFailure> CheckName(std::string_view name) {
  const char* why = WhyHidden(name);
  if (why == nullptr) return std::nullopt;
  const FsError error =
      name.size() > kNameBytesMax ? FsError::kNameTooLong : FsError::kInvalid;
  return FsFailure{error, std::string("the name has ") + why};
}

void HiddenKeys::Add(const std::string& key, const char* why) {
  if (count_.fetch_add(1) > 0) return;
  log::Warn("a key cannot be a path and is hidden; others will not be logged",
            {{"key", key}, {"why", why}});
}

}  // namespace datashim::fs
