#include "kube/watch.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "kube/error_map.h"
#include "kube/json.h"

namespace datashim::kube {
namespace {

std::optional<WatchEventType> TypeOfWord(std::string_view word) {
  if (word == "ADDED") return WatchEventType::kAdded;
  if (word == "MODIFIED") return WatchEventType::kModified;
  if (word == "DELETED") return WatchEventType::kDeleted;
  if (word == "BOOKMARK") return WatchEventType::kBookmark;
  return std::nullopt;
}

Result<WatchEvent> ParseEvent(std::string_view line) {
  DS_ASSIGN_OR_RETURN(Json message, ParseJsonObject(line));
  const auto object = message.find("object");
  if (object == message.end() || !object->is_object()) {
    return Error{ErrorCode::kDataLoss, "a watch event has no object"};
  }
  const std::string word = StringAt(message, {"type"});
  if (word == "ERROR") return ErrorOfStatus(*object);
  const auto type = TypeOfWord(word);
  if (!type) {
    return Error{ErrorCode::kDataLoss, "a watch event has the unknown type '" +
                                           word.substr(0, 32) + "'"};
  }
  if (ResourceVersionOf(*object).empty() ||
      (*type != WatchEventType::kBookmark && NameOf(*object).empty())) {
    return Error{ErrorCode::kDataLoss,
                 "a watch event's object has no name or resourceVersion"};
  }
  return WatchEvent{*type, std::make_shared<Json>(std::move(*object))};
}

}  // namespace

Status WatchParser::Feed(std::string_view bytes,
                         std::vector<WatchEvent>& events) {
  while (!bytes.empty()) {
    const std::size_t end = bytes.find('\n');
    const std::size_t line_bytes =
        partial_.size() + (end == bytes.npos ? bytes.size() : end);
    if (line_bytes > line_bytes_max_) {
      return Error{ErrorCode::kDataLoss, "a watch event is longer than " +
                                             std::to_string(line_bytes_max_) +
                                             " bytes"};
    }
    partial_.append(bytes.substr(0, end));
    if (end == bytes.npos) return OkStatus();
    bytes.remove_prefix(end + 1);
    const std::string line = std::exchange(partial_, {});
    if (line.find_first_not_of(" \t\r") == line.npos) continue;
    DS_ASSIGN_OR_RETURN(WatchEvent event, ParseEvent(line));
    events.push_back(std::move(event));
  }
  return OkStatus();
}

}  // namespace datashim::kube
