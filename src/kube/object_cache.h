// ObjectCache: the objects of one kind by key, with secondary indexes. Knows
// neither API server nor locks; informer.h owns and guards one.

#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kube/object.h"

namespace datashim::kube {

/// The values under which an object is found in an index.
using IndexFunction = std::function<std::vector<std::string>(const Json&)>;

/// Index by the uids of an object's owners.
inline constexpr std::string_view kOwnerIndex = "owner";
std::vector<std::string> OwnerUids(const Json& object);

/// One change of the cache. `before` is null for an added object, `after` for
/// a deleted one.
struct ObjectChange {
  ObjectPtr before;
  ObjectPtr after;
};

/// Thread-compatible.
class ObjectCache {
 public:
  using Indexes = std::map<std::string, IndexFunction, std::less<>>;

  explicit ObjectCache(Indexes indexes)
      : index_functions_(std::move(indexes)) {}

  /// Adds or replaces. An object with the resourceVersion that is here already
  /// changes nothing: both members of the result are the same.
  ObjectChange Set(ObjectPtr object);
  /// Both members null if it was not here.
  ObjectChange Erase(const ObjectKey& key);
  /// Makes `objects` the whole content; only real changes are returned,
  /// deletions first. An object that was deleted and made anew under its name
  /// (another uid) counts as deleted and added.
  std::vector<ObjectChange> Replace(const std::vector<ObjectPtr>& objects);

  /// Null if it is not here.
  ObjectPtr Get(const ObjectKey& key) const;
  /// In the order of keys. `namespace_name` empty: all.
  std::vector<ObjectPtr> List(std::string_view namespace_name) const;
  /// REQUIRES: an index of that name.
  std::vector<ObjectPtr> ByIndex(std::string_view index,
                                 std::string_view value) const;
  std::size_t size() const { return objects_.size(); }

 private:
  using Keys = std::set<ObjectKey>;

  void Index(const ObjectKey& key, const Json& object);
  void Unindex(const ObjectKey& key, const Json& object);

  Indexes index_functions_;
  std::map<ObjectKey, ObjectPtr> objects_;
  std::map<std::string, std::map<std::string, Keys, std::less<>>, std::less<>>
      indexes_;
};

}  // namespace datashim::kube
