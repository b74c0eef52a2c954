#include "cache/object_id.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <string_view>

namespace datashim::cache {
namespace {

constexpr std::string_view kDigits = "0123456789abcdef";

// Each text is led by its length, so that no two ids are the same bytes.
void AppendText(std::string& out, std::string_view text) {
  out += std::to_string(text.size());
  out += ':';
  out += text;
}

}  // namespace

std::string EntryName(const ObjectId& id) {
  std::string text;
  AppendText(text, id.origin);
  AppendText(text, id.key);
  AppendText(text, id.etag);
  text += std::to_string(id.bytes);
  XXH128_canonical_t hash;
  XXH128_canonicalFromHash(&hash, XXH3_128bits(text.data(), text.size()));
  std::string name;
  for (const unsigned char byte : hash.digest) {
    name += kDigits[byte >> 4];
    name += kDigits[byte & 15];
  }
  return name;
}

bool IsEntryName(const std::string& name) {
  return name.size() == 2 * sizeof(XXH128_canonical_t) &&
         name.find_first_not_of(kDigits) == name.npos;
}

}  // namespace datashim::cache
