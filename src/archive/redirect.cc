#include "archive/redirect.h"

#include "dataset/unpack_request.h"

namespace datashim::archive {
namespace {

bool IsLocal(const net::Url& url) {
  const Status allowed = dataset::CheckArchiveUrl(url.ToString());
  return !allowed.ok() && allowed.error().code == ErrorCode::kPermissionDenied;
}

}  // namespace

Result<net::Url> FollowRedirect(const net::Url& from,
                                std::string_view location) {
  const std::string context = from.origin.ToString() + " redirects";
  // A fragment is for browsers.
  location = location.substr(0, location.find('#'));
  std::string text;
  if (location.starts_with("//")) {
    text = (from.origin.tls ? "https:" : "http:") + std::string(location);
  } else if (location.starts_with('/')) {
    text = from.origin.ToString() + std::string(location);
  } else if (location.starts_with('?')) {
    text = from.origin.ToString() + from.path + std::string(location);
  } else {
    text = location;
  }
  auto to = net::ParseUrl(text);
  if (!to.ok()) {
    return Error{ErrorCode::kInvalidArgument,
                 context + " to what is no http or https URL"};
  }
  if (from.origin.tls && !to->origin.tls) {
    return Error{
        ErrorCode::kPermissionDenied,
        context + " from https to http (" + to->origin.ToString() + ")"};
  }
  if (IsLocal(*to) && !IsLocal(from)) {
    return Error{ErrorCode::kPermissionDenied,
                 context + " to an address of this machine or its link (" +
                     to->origin.ToString() + ")"};
  }
  return to;
}

}  // namespace datashim::archive
