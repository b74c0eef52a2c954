// The pod webhook: any bytes give an answer in JSON or an error, and a patch
// applies to the pod it is for and is needed once.

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string_view>

#include "base/check.h"
#include "base/strings.h"
#include "webhook/review.h"

namespace {

using Json = nlohmann::json;

datashim::Result<datashim::dataset::Dataset> Lookup(const std::string&,
                                                    const std::string& name) {
  datashim::dataset::Dataset dataset;
  dataset.name = name;
  dataset.local = datashim::dataset::StringMap{{"type", "COS"}};
  return dataset;
}

// The patch in an answer; null if there is none.
Json PatchIn(const std::string& answer) {
  const Json response = Json::parse(answer).at("response");
  if (!response.contains("patch")) return nullptr;
  return Json::parse(
      *datashim::Base64Decode(response["patch"].get<std::string>()));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  const auto reviewed = datashim::webhook::Review(body, Lookup);
  if (!reviewed.ok()) return 0;
  const Json patch = PatchIn(reviewed->response);
  if (patch.is_null()) return 0;

  Json review = Json::parse(body);
  Json& pod = review["request"]["object"];
  pod = pod.patch(patch);
  const auto again = datashim::webhook::Review(review.dump(), Lookup);
  DS_CHECK(again.ok() && again->allowed);
  DS_CHECK(PatchIn(again->response).is_null());
  return 0;
}
