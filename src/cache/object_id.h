// ObjectId: which bytes a cache file holds.

#pragma once

#include <cstdint>
#include <string>

namespace datashim::cache {

/// One version of one object of one bucket. Two ids that are equal are the same
/// bytes.
struct ObjectId {
  /// Endpoint and bucket, as one text that no other bucket has.
  std::string origin;
  std::string key;
  std::string etag;  ///< As the store sent it; opaque, not empty.
  std::uint64_t bytes = 0;

  friend bool operator==(const ObjectId&, const ObjectId&) = default;
};

/// The name of the object's files: 32 hex digits (XXH3, 128 bits). A manifest
/// holds the whole id, so that a collision is seen and not served.
std::string EntryName(const ObjectId& id);
/// Whether EntryName could have made it.
bool IsEntryName(const std::string& name);

}  // namespace datashim::cache
