#include "webhook/review.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/strings.h"

namespace datashim::webhook {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Json = nlohmann::json;

Json ReviewOf(const Json& labels) {
  return {{"apiVersion", "admission.k8s.io/v1"},
          {"kind", "AdmissionReview"},
          {"request",
           {{"uid", "review-1"},
            {"operation", "CREATE"},
            {"namespace", "staging"},
            {"dryRun", false},
            {"object",
             {{"metadata", {{"labels", labels}, {"namespace", "elsewhere"}}},
              {"spec", {{"containers", {{{"name", "c"}}}}}}}}}}};
}

// The Datasets of namespace staging.
Result<dataset::Dataset> Lookup(const std::string& namespace_name,
                                const std::string& name) {
  if (name == "broken") return Error{ErrorCode::kUnavailable, "no answer"};
  if (namespace_name != "staging" || name == "absent") {
    return Error{ErrorCode::kNotFound, "not found"};
  }
  dataset::Dataset dataset;
  dataset.name = name;
  dataset.namespace_name = namespace_name;
  dataset.local = dataset::StringMap{{"type", name == "nfs" ? "NFS" : "COS"}};
  dataset.provision.status = name == "pending" ? "Pending" : "OK";
  if (name == "fresh") dataset.provision.status = "";
  dataset.being_deleted = name == "dying";
  if (name == "frozen") dataset.local->emplace("readonly", "true");
  return dataset;
}

struct Answered {
  Reviewed reviewed;
  Json response;
  Json patch;
};

Answered Ask(const Json& review) {
  auto reviewed = Review(review.dump(), Lookup);
  EXPECT_TRUE(reviewed.ok()) << reviewed.error().message;
  Answered answered{*reviewed, {}, {}};
  const Json json = Json::parse(answered.reviewed.response);
  EXPECT_EQ(json["apiVersion"], "admission.k8s.io/v1");
  EXPECT_EQ(json["kind"], "AdmissionReview");
  EXPECT_EQ(json["response"]["uid"], "review-1");
  EXPECT_EQ(json["response"]["allowed"], answered.reviewed.allowed);
  answered.response = json["response"];
  if (answered.response.contains("patch")) {
    EXPECT_EQ(answered.response["patchType"], "JSONPatch");
    answered.patch = Json::parse(
        *Base64Decode(answered.response["patch"].get<std::string>()));
  }
  return answered;
}

// A review of a pod with these annotations beside `labels`.
Json Annotated(const Json& labels, const Json& annotations) {
  Json review = ReviewOf(labels);
  review["request"]["object"]["metadata"]["annotations"] = annotations;
  return review;
}

Json Uses(const char* name, const char* useas) {
  return {{"dataset.0.id", name}, {"dataset.0.useas", useas}};
}

TEST(ReviewTest, PatchesFromTheDatasetOfTheRequestsNamespace) {
  const Answered answered = Ask(ReviewOf(Uses("frozen", "mount")));
  EXPECT_TRUE(answered.reviewed.allowed);
  EXPECT_EQ(answered.reviewed.namespace_name, "staging");
  EXPECT_THAT(answered.reviewed.env_datasets, IsEmpty());
  EXPECT_FALSE(answered.response.contains("warnings"));
  ASSERT_EQ(answered.patch.size(), 2u);
  EXPECT_EQ(answered.patch[0]["value"][0]["persistentVolumeClaim"],
            (Json{{"claimName", "frozen"}, {"readOnly", true}}));
}

TEST(ReviewTest, IsInAscendingIndex) {
  const Answered answered = Ask(ReviewOf({{"dataset.10.id", "a"},
                                          {"dataset.10.useas", "mount"},
                                          {"dataset.9.id", "b"},
                                          {"dataset.9.useas", "mount"}}));
  EXPECT_EQ(answered.patch[0]["value"][0]["name"], "b");
  EXPECT_EQ(answered.patch[0]["value"][1]["name"], "a");
}

TEST(ReviewTest, ASecondReviewOfThePatchedPodChangesNothing) {
  Json review = ReviewOf(Uses("a", "mount.configmap"));
  const Answered first = Ask(review);
  ASSERT_FALSE(first.patch.empty());
  Json& pod = review["request"]["object"];
  pod = pod.patch(first.patch);
  const Answered second = Ask(review);
  EXPECT_TRUE(second.reviewed.allowed);
  EXPECT_FALSE(second.response.contains("patch"));
  EXPECT_FALSE(second.response.contains("patchType"));
}

TEST(ReviewTest, TellsWhoseSecretIsWantedButNotInADryRun) {
  Json review = ReviewOf({{"dataset.0.id", "a"},
                          {"dataset.0.useas", "configmap"},
                          {"dataset.1.id", "b"},
                          {"dataset.1.useas", "mount"},
                          {"dataset.2.id", "c"},
                          {"dataset.2.useas", "mount.configmap"}});
  EXPECT_THAT(Ask(review).reviewed.env_datasets, ElementsAre("a", "c"));
  review["request"]["dryRun"] = true;
  const Answered dry = Ask(review);
  EXPECT_THAT(dry.reviewed.env_datasets, IsEmpty());
  EXPECT_TRUE(dry.response.contains("patch"));
}

TEST(ReviewTest, OtherOperationsAndPodsPass) {
  Json review = ReviewOf(Uses("absent", "mount"));
  review["request"]["operation"] = "DELETE";
  review["request"]["object"] = nullptr;
  const Answered deleted = Ask(review);
  EXPECT_TRUE(deleted.reviewed.allowed);
  EXPECT_EQ(deleted.response["status"]["message"],
            "No Pod mutation required for operation DELETE.");
  EXPECT_FALSE(deleted.response.contains("patch"));

  const Answered plain = Ask(ReviewOf({{"app", "x"}}));
  EXPECT_TRUE(plain.reviewed.allowed);
  EXPECT_FALSE(plain.response.contains("patch"));
  EXPECT_TRUE(Ask(ReviewOf(nullptr)).reviewed.allowed);
}

TEST(ReviewTest, WarnsOfWhatWillMakeThePodWait) {
  const std::pair<const char*, const char*> cases[] = {
      {"pending", "dataset pending is not ready (Pending)"},
      {"fresh", "dataset fresh is not ready (new)"},
      {"dying", "dataset dying is being deleted"}};
  for (const auto& [name, warning] : cases) {
    const Answered answered = Ask(ReviewOf(Uses(name, "mount")));
    EXPECT_TRUE(answered.reviewed.allowed);
    ASSERT_EQ(answered.response["warnings"].size(), 1u);
    EXPECT_THAT(answered.response["warnings"][0].get<std::string>(),
                HasSubstr(warning));
  }
}

TEST(ReviewTest, WarnsOfForeignLabelsUpToALimit) {
  Json labels = Json::object();
  for (int i = 0; i < 20; ++i) {
    labels["dataset.example.com/" + std::to_string(i)] = "x";
  }
  const Answered answered = Ask(ReviewOf(labels));
  EXPECT_TRUE(answered.reviewed.allowed);
  EXPECT_EQ(answered.response["warnings"].size(), 16u);
}

TEST(ReviewTest, DeniesWithAMessageForThePodsAuthor) {
  struct Denied {
    Json labels;
    int code;
    const char* reason;
    const char* message;
  };
  const Denied cases[] = {
      {Uses("absent", "mount"), 404, "NotFound",
       "dataset absent not found in namespace staging"},
      {{{"dataset.0.id", "absent"}},
       404,
       "NotFound",
       "dataset absent not found in namespace staging"},
      {Uses("broken", "mount"), 503, "ServiceUnavailable",
       "dataset broken could not be queried: no answer"},
      {Uses("a", "teapot"), 400, "BadRequest", "label dataset.0.useas: "},
      {Uses("nfs", "configmap"), 400, "BadRequest",
       "dataset nfs has no ConfigMap"},
      {{{"dataset.0.id", 1}}, 400, "BadRequest", "label dataset.0.id: "}};
  for (const Denied& denied : cases) {
    const Answered answered = Ask(ReviewOf(denied.labels));
    EXPECT_FALSE(answered.reviewed.allowed);
    EXPECT_FALSE(answered.response.contains("patch"));
    EXPECT_EQ(answered.response["status"]["status"], "Failure");
    EXPECT_EQ(answered.response["status"]["code"], denied.code);
    EXPECT_EQ(answered.response["status"]["reason"], denied.reason);
    EXPECT_THAT(answered.response["status"]["message"].get<std::string>(),
                HasSubstr(denied.message));
  }
}

TEST(ReviewTest, AnnotationsChooseHow) {
  const Answered answered = Ask(
      Annotated(Uses("a", "mount"), {{"dataset.0.mount-path", "/models"},
                                     {"dataset.0.sub-path", "7b"},
                                     {"dataset.0.containers", "c, later"}}));
  EXPECT_TRUE(answered.reviewed.allowed);
  EXPECT_EQ(answered.patch[1]["value"][0],
            (Json{{"name", "a"}, {"mountPath", "/models"}, {"subPath", "7b"}}));
  EXPECT_EQ(answered.response["warnings"],
            Json({"annotations of dataset.0: the pod has no container later"}));
}

TEST(ReviewTest, AnOptionalDatasetMayBeMissing) {
  const Answered answered = Ask(Annotated(Uses("absent", "mount.configmap"),
                                          {{"dataset.0.optional", "true"}}));
  EXPECT_TRUE(answered.reviewed.allowed);
  EXPECT_FALSE(answered.response.contains("patch"));
  EXPECT_THAT(answered.reviewed.env_datasets, IsEmpty());
  EXPECT_EQ(answered.response["warnings"],
            Json({"dataset absent not found in namespace staging: the pod runs "
                  "without it"}));
}

TEST(ReviewTest, DeniesWrongAnnotations) {
  const Answered answered =
      Ask(Annotated(Uses("a", "mount"), {{"dataset.1.optional", "true"}}));
  EXPECT_FALSE(answered.reviewed.allowed);
  EXPECT_EQ(answered.response["status"]["message"],
            "annotation dataset.1.optional: there is no label dataset.1.id to "
            "it");
}

TEST(ReviewTest, ADeniedPodAsksForNoSecret) {
  Json review = ReviewOf({{"dataset.0.id", "a"},
                          {"dataset.0.useas", "configmap"},
                          {"dataset.1.id", "absent"},
                          {"dataset.1.useas", "mount"}});
  EXPECT_THAT(Ask(review).reviewed.env_datasets, IsEmpty());
}

TEST(ReviewTest, MessagesStayValidJsonWhateverTheyQuote) {
  const auto reviewed = Review(
      ReviewOf(Uses("a", "mount")).dump(),
      [](const std::string&, const std::string&) -> Result<dataset::Dataset> {
        return Error{ErrorCode::kUnavailable, "\xff\"\n"};
      });
  ASSERT_TRUE(reviewed.ok());
  EXPECT_FALSE(Json::parse(reviewed->response)["response"]["allowed"]);
}

TEST(ReviewErrorTest, RefusesWhatIsNoReviewOfAPod) {
  const auto without = [](const char* pointer) {
    Json review = ReviewOf(Json::object());
    const Json::json_pointer path(pointer);
    review[path.parent_pointer()].erase(path.back());
    return review.dump();
  };
  Json v1beta1 = ReviewOf(Json::object());
  v1beta1["apiVersion"] = "admission.k8s.io/v1beta1";
  Json object_is_text = ReviewOf(Json::object());
  object_is_text["request"]["object"] = "pod";
  std::string deep = ReviewOf(Json::object()).dump();
  deep.insert(deep.size() - 1,
              ",\"x\":" + std::string(100, '[') + std::string(100, ']'));
  const std::pair<std::string, const char*> cases[] = {
      {"", "no JSON"},
      {"{", "no JSON"},
      {"[1]", "no AdmissionReview"},
      {"null", "no AdmissionReview"},
      {"\"\xff\"", "no JSON"},
      {v1beta1.dump(), "no AdmissionReview"},
      {without("/kind"), "no AdmissionReview"},
      {without("/request"), "no request"},
      {without("/request/uid"), "no uid"},
      {without("/request/namespace"), "no namespace"},
      {without("/request/object"), "no pod"},
      {object_is_text.dump(), "no pod"},
      {deep, "too deeply"},
      {std::string(200'000, '['), "too deeply"},
      {std::string(kReviewBytesMax + 1, ' '), "longer"}};
  for (const auto& [body, message] : cases) {
    const auto reviewed = Review(body, Lookup);
    ASSERT_FALSE(reviewed.ok()) << body.substr(0, 200);
    EXPECT_EQ(reviewed.error().code, ErrorCode::kInvalidArgument);
    EXPECT_THAT(reviewed.error().message, HasSubstr(message));
  }
}

}  // namespace
}  // namespace datashim::webhook
