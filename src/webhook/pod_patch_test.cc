#include "webhook/pod_patch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <random>
#include <utility>

namespace datashim::webhook {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;

struct Case {
  const char* name;
  const char* spec;
  std::vector<PodDataset> datasets;
  const char* patch;
};

PodDataset Mount(const char* name) { return {name, true, false, false}; }
PodDataset ConfigMap(const char* name) { return {name, false, true, false}; }

Json PodOf(const Json& spec) {
  return {{"apiVersion", "v1"}, {"kind", "Pod"}, {"spec", spec}};
}

class PodPatchTest : public ::testing::TestWithParam<Case> {};

TEST_P(PodPatchTest, IsExactAndNeededOnce) {
  const Json pod = PodOf(Json::parse(GetParam().spec));
  const auto patch = PodPatch(pod, GetParam().datasets);
  ASSERT_TRUE(patch.ok()) << patch.error().message;
  EXPECT_EQ(*patch, Json::parse(GetParam().patch));

  const auto again = PodPatch(pod.patch(*patch), GetParam().datasets);
  ASSERT_TRUE(again.ok()) << again.error().message;
  EXPECT_EQ(*again, Json::array());
}

// The twelve cases of upstream's webhook test, to the letter.
const Case kUpstream[] = {
    {"V1Mount",
     R"({"volumes": [], "containers": [{"name": "c", "volumeMounts": []}]})",
     {Mount("testds")},
     R"([{"op": "add", "path": "/spec/volumes/0", "value":
           {"name": "testds", "persistentVolumeClaim": {"claimName": "testds"}}},
         {"op": "add", "path": "/spec/containers/0/volumeMounts/0", "value":
           {"name": "testds", "mountPath": "/mnt/datasets/testds"}}])"},
    {"V2ConfigMap",
     R"({"containers": [{"name": "c"}]})",
     {ConfigMap("testds0")},
     R"([{"op": "add", "path": "/spec/containers/0/envFrom", "value": [
           {"prefix": "testds0_", "configMapRef": {"name": "testds0"}},
           {"prefix": "testds0_", "secretRef": {"name": "testds0"}}]}])"},
    {"V3TwoMounts",
     R"({"volumes": [], "containers": [{"name": "c", "volumeMounts": []}]})",
     {Mount("testds0"), Mount("testds1")},
     R"([{"op": "add", "path": "/spec/volumes/0", "value":
           {"name": "testds0", "persistentVolumeClaim": {"claimName": "testds0"}}},
         {"op": "add", "path": "/spec/volumes/1", "value":
           {"name": "testds1", "persistentVolumeClaim": {"claimName": "testds1"}}},
         {"op": "add", "path": "/spec/containers/0/volumeMounts/0", "value":
           {"name": "testds0", "mountPath": "/mnt/datasets/testds0"}},
         {"op": "add", "path": "/spec/containers/0/volumeMounts/1", "value":
           {"name": "testds1", "mountPath": "/mnt/datasets/testds1"}}])"},
    {"V4MountAndConfigMap",
     R"({"volumes": [], "containers": [{"name": "c", "volumeMounts": []}]})",
     {Mount("testds0"), ConfigMap("testds1")},
     R"([{"op": "add", "path": "/spec/volumes/0", "value":
           {"name": "testds0", "persistentVolumeClaim": {"claimName": "testds0"}}},
         {"op": "add", "path": "/spec/containers/0/volumeMounts/0", "value":
           {"name": "testds0", "mountPath": "/mnt/datasets/testds0"}},
         {"op": "add", "path": "/spec/containers/0/envFrom", "value": [
           {"prefix": "testds1_", "configMapRef": {"name": "testds1"}},
           {"prefix": "testds1_", "secretRef": {"name": "testds1"}}]}])"},
    {"V5OtherClaimIsThere",
     R"({"volumes": [{"name": "other",
                      "persistentVolumeClaim": {"claimName": "other"}}],
         "containers": [{"name": "c", "volumeMounts":
           [{"name": "other", "mountPath": "/data"}]}]})",
     {Mount("testds")},
     R"([{"op": "add", "path": "/spec/volumes/1", "value":
           {"name": "testds", "persistentVolumeClaim": {"claimName": "testds"}}},
         {"op": "add", "path": "/spec/containers/0/volumeMounts/1", "value":
           {"name": "testds", "mountPath": "/mnt/datasets/testds"}}])"},
    {"V6SameClaimIsThere",
     R"({"volumes": [{"name": "testds",
                      "persistentVolumeClaim": {"claimName": "testds"}}],
         "containers": [{"name": "c", "volumeMounts":
           [{"name": "testds", "mountPath": "/mnt/datasets/testds"}]}]})",
     {Mount("testds")},
     "[]"},
    {"V7ContainerChoseThePath",
     R"({"volumes": [], "containers": [{"name": "c", "volumeMounts":
           [{"name": "testds", "mountPath": "/elsewhere"}]}]})",
     {Mount("testds")},
     R"([{"op": "add", "path": "/spec/volumes/0", "value":
           {"name": "testds", "persistentVolumeClaim": {"claimName": "testds"}}}])"},
    {"V8OtherVolumeAndConfigMap",
     R"({"volumes": [{"name": "other", "emptyDir": {}}],
         "containers": [{"name": "c"}]})",
     {ConfigMap("testds")},
     R"([{"op": "add", "path": "/spec/containers/0/envFrom", "value": [
           {"prefix": "testds_", "configMapRef": {"name": "testds"}},
           {"prefix": "testds_", "secretRef": {"name": "testds"}}]}])"},
    {"V9BothUses",
     R"({"volumes": [], "containers": [{"name": "c", "volumeMounts": []}]})",
     {{"testds", true, true, false}},
     R"([{"op": "add", "path": "/spec/volumes/0", "value":
           {"name": "testds", "persistentVolumeClaim": {"claimName": "testds"}}},
         {"op": "add", "path": "/spec/containers/0/volumeMounts/0", "value":
           {"name": "testds", "mountPath": "/mnt/datasets/testds"}},
         {"op": "add", "path": "/spec/containers/0/envFrom", "value": [
           {"prefix": "testds_", "configMapRef": {"name": "testds"}},
           {"prefix": "testds_", "secretRef": {"name": "testds"}}]}])"},
    {"V10ConfigMapIsThere",
     R"({"containers": [{"name": "c", "envFrom":
           [{"prefix": "p_", "configMapRef": {"name": "testds"}}]}]})",
     {ConfigMap("testds")},
     "[]"},
    {"V11SecretIsThere",
     R"({"containers": [{"name": "c", "envFrom":
           [{"prefix": "p_", "secretRef": {"name": "testds"}}]}]})",
     {ConfigMap("testds")},
     "[]"},
    {"V12ClaimIsMountedElsewhere",
     R"({"volumes": [{"name": "mine",
                      "persistentVolumeClaim": {"claimName": "testds"}}],
         "containers": [{"name": "c", "volumeMounts":
           [{"name": "mine", "mountPath": "/elsewhere"}]}]})",
     {Mount("testds")},
     "[]"},
};
INSTANTIATE_TEST_SUITE_P(Upstream, PodPatchTest, ::testing::ValuesIn(kUpstream),
                         [](const auto& test) { return test.param.name; });

// What upstream gets wrong or leaves open.
const Case kMore[] = {
    {"NothingWanted", R"({"containers": [{"name": "c"}]})", {}, "[]"},
    {"IdWithoutUse",
     R"({"containers": [{"name": "c"}]})",
     {{"a", false, false, false}},
     "[]"},
    {"NoArraysAtAll",
     R"({"containers": [{"name": "c"}]})",
     {Mount("a"), {"b", true, true, false}},
     R"([{"op": "add", "path": "/spec/volumes", "value": [
           {"name": "a", "persistentVolumeClaim": {"claimName": "a"}},
           {"name": "b", "persistentVolumeClaim": {"claimName": "b"}}]},
         {"op": "add", "path": "/spec/containers/0/volumeMounts", "value": [
           {"name": "a", "mountPath": "/mnt/datasets/a"},
           {"name": "b", "mountPath": "/mnt/datasets/b"}]},
         {"op": "add", "path": "/spec/containers/0/envFrom", "value": [
           {"prefix": "b_", "configMapRef": {"name": "b"}},
           {"prefix": "b_", "secretRef": {"name": "b"}}]}])"},
    {"NullIsAbsent",
     R"({"volumes": null, "initContainers": null,
         "containers": [{"name": "c", "volumeMounts": null}]})",
     {Mount("a")},
     R"([{"op": "add", "path": "/spec/volumes", "value": [
           {"name": "a", "persistentVolumeClaim": {"claimName": "a"}}]},
         {"op": "add", "path": "/spec/containers/0/volumeMounts", "value": [
           {"name": "a", "mountPath": "/mnt/datasets/a"}]}])"},
    {"ReadOnlyDataset",
     R"({"volumes": [], "containers": [{"name": "c", "volumeMounts": []}]})",
     {{"a", true, false, true}},
     R"([{"op": "add", "path": "/spec/volumes/0", "value":
           {"name": "a", "persistentVolumeClaim":
             {"claimName": "a", "readOnly": true}}},
         {"op": "add", "path": "/spec/containers/0/volumeMounts/0", "value":
           {"name": "a", "mountPath": "/mnt/datasets/a"}}])"},
    {"InitContainersFirstAndNothingTwice",
     R"({"initContainers": [{"name": "i"},
                            {"name": "sidecar", "restartPolicy": "Always"}],
         "containers": [{"name": "c0", "envFrom":
             [{"configMapRef": {"name": "other"}}]},
           {"name": "c1"}]})",
     {{"a", true, true, false}},
     R"([{"op": "add", "path": "/spec/volumes", "value": [
           {"name": "a", "persistentVolumeClaim": {"claimName": "a"}}]},
         {"op": "add", "path": "/spec/initContainers/0/volumeMounts", "value": [
           {"name": "a", "mountPath": "/mnt/datasets/a"}]},
         {"op": "add", "path": "/spec/initContainers/1/volumeMounts", "value": [
           {"name": "a", "mountPath": "/mnt/datasets/a"}]},
         {"op": "add", "path": "/spec/containers/0/volumeMounts", "value": [
           {"name": "a", "mountPath": "/mnt/datasets/a"}]},
         {"op": "add", "path": "/spec/containers/1/volumeMounts", "value": [
           {"name": "a", "mountPath": "/mnt/datasets/a"}]},
         {"op": "add", "path": "/spec/initContainers/0/envFrom", "value": [
           {"prefix": "a_", "configMapRef": {"name": "a"}},
           {"prefix": "a_", "secretRef": {"name": "a"}}]},
         {"op": "add", "path": "/spec/initContainers/1/envFrom", "value": [
           {"prefix": "a_", "configMapRef": {"name": "a"}},
           {"prefix": "a_", "secretRef": {"name": "a"}}]},
         {"op": "add", "path": "/spec/containers/0/envFrom/-", "value":
           {"prefix": "a_", "configMapRef": {"name": "a"}}},
         {"op": "add", "path": "/spec/containers/0/envFrom/-", "value":
           {"prefix": "a_", "secretRef": {"name": "a"}}},
         {"op": "add", "path": "/spec/containers/1/envFrom", "value": [
           {"prefix": "a_", "configMapRef": {"name": "a"}},
           {"prefix": "a_", "secretRef": {"name": "a"}}]}])"},
    {"ContainerAddedByAnotherWebhook",
     R"({"volumes": [{"name": "a",
                      "persistentVolumeClaim": {"claimName": "a"}}],
         "containers": [{"name": "c", "volumeMounts":
             [{"name": "a", "mountPath": "/mnt/datasets/a"}]},
           {"name": "later", "volumeMounts":
             [{"name": "token", "mountPath": "/token"}]}]})",
     {Mount("a")},
     R"([{"op": "add", "path": "/spec/containers/1/volumeMounts/1", "value":
           {"name": "a", "mountPath": "/mnt/datasets/a"}}])"},
    {"ClaimUnderAnotherNameIsThePodsOwnAffair",
     R"({"volumes": [{"name": "mine",
                      "persistentVolumeClaim": {"claimName": "a"}}],
         "containers": [{"name": "c0", "volumeMounts":
             [{"name": "mine", "mountPath": "/elsewhere"}]},
           {"name": "c1"}]})",
     {Mount("a"), ConfigMap("b")},
     R"([{"op": "add", "path": "/spec/containers/0/envFrom", "value": [
           {"prefix": "b_", "configMapRef": {"name": "b"}},
           {"prefix": "b_", "secretRef": {"name": "b"}}]},
         {"op": "add", "path": "/spec/containers/1/envFrom", "value": [
           {"prefix": "b_", "configMapRef": {"name": "b"}},
           {"prefix": "b_", "secretRef": {"name": "b"}}]}])"},
    {"OneContainerChoseThePath",
     R"({"containers": [{"name": "c0", "volumeMounts":
             [{"name": "a", "mountPath": "/elsewhere", "readOnly": true}]},
           {"name": "c1"}]})",
     {Mount("a")},
     R"([{"op": "add", "path": "/spec/volumes", "value": [
           {"name": "a", "persistentVolumeClaim": {"claimName": "a"}}]},
         {"op": "add", "path": "/spec/containers/1/volumeMounts", "value": [
           {"name": "a", "mountPath": "/mnt/datasets/a"}]}])"},
    {"AnotherPlaceAndAPartOfIt",
     R"({"containers": [{"name": "c"}]})",
     {{"a", true, false, false, {.mount_path = "/models", .sub_path = "7b"}}},
     R"([{"op": "add", "path": "/spec/volumes", "value": [
           {"name": "a", "persistentVolumeClaim": {"claimName": "a"}}]},
         {"op": "add", "path": "/spec/containers/0/volumeMounts", "value": [
           {"name": "a", "mountPath": "/models", "subPath": "7b"}]}])"},
    {"ReadOnlyByAnnotation",
     R"({"containers": [{"name": "c"}]})",
     {{"a", true, false, false, {.read_only = true}}},
     R"([{"op": "add", "path": "/spec/volumes", "value": [
           {"name": "a", "persistentVolumeClaim":
             {"claimName": "a", "readOnly": true}}]},
         {"op": "add", "path": "/spec/containers/0/volumeMounts", "value": [
           {"name": "a", "mountPath": "/mnt/datasets/a", "readOnly": true}]}])"},
    {"ContainersThatAreChosen",
     R"({"initContainers": [{"name": "i"}],
         "containers": [{"name": "c"}, {"name": "proxy"}]})",
     {{"a", true, true, false, {.containers = {"c", "absent"}}},
      {"b", true, false, false, {.skipped_containers = {"proxy", "i"}}}},
     R"([{"op": "add", "path": "/spec/volumes", "value": [
           {"name": "a", "persistentVolumeClaim": {"claimName": "a"}},
           {"name": "b", "persistentVolumeClaim": {"claimName": "b"}}]},
         {"op": "add", "path": "/spec/containers/0/volumeMounts", "value": [
           {"name": "a", "mountPath": "/mnt/datasets/a"},
           {"name": "b", "mountPath": "/mnt/datasets/b"}]},
         {"op": "add", "path": "/spec/containers/0/envFrom", "value": [
           {"prefix": "a_", "configMapRef": {"name": "a"}},
           {"prefix": "a_", "secretRef": {"name": "a"}}]}])"},
    {"EphemeralContainersAreLeftAlone",
     R"({"containers": [], "ephemeralContainers": [{"name": "debug"}]})",
     {{"a", true, true, false}},
     R"([{"op": "add", "path": "/spec/volumes", "value": [
           {"name": "a", "persistentVolumeClaim": {"claimName": "a"}}]}])"},
};
INSTANTIATE_TEST_SUITE_P(More, PodPatchTest, ::testing::ValuesIn(kMore),
                         [](const auto& test) { return test.param.name; });

TEST(PodPatchErrorTest, NamesWhatIsInTheWay) {
  struct Wrong {
    const char* spec;
    const char* message;
  };
  const Wrong cases[] = {
      {R"({"volumes": [{"name": "a", "emptyDir": {}}], "containers": []})",
       "pod volume a has the name of dataset a"},
      {R"({"volumes": [{"name": "a",
            "persistentVolumeClaim": {"claimName": "b"}}], "containers": []})",
       "pod volume a has the name of dataset a"},
      {R"({"containers": [{"name": "c", "volumeMounts":
            [{"name": "x", "mountPath": "/mnt/datasets/a"}]}]})",
       "container c mounts something else at /mnt/datasets/a"},
      {R"({"containers": [{"name": "c", "volumeMounts":
            [{"name": "x", "mountPath": "/mnt/datasets/a//"}]}]})",
       "container c mounts something else at /mnt/datasets/a"},
      {R"({"containers": [{"name": "c"}], "volumes": {}})", "volumes"},
      {R"({"containers": [{"name": "c"}], "volumes": [1]})", "volumes"},
      {R"({"containers": "c"})", "containers"},
      {R"({"initContainers": [[]]})", "initContainers"},
      {R"({"containers": [{"volumeMounts": 1}]})", "volumeMounts"},
      {R"({"containers": [{"envFrom": [null]}]})", "envFrom"},
      {"[]", "spec"},
      {"null", "spec"}};
  for (const Wrong& wrong : cases) {
    const auto patch =
        PodPatch(PodOf(Json::parse(wrong.spec)), {{"a", true, true, false}});
    ASSERT_FALSE(patch.ok()) << wrong.spec;
    EXPECT_EQ(patch.error().code, ErrorCode::kInvalidArgument);
    EXPECT_THAT(patch.error().message, HasSubstr(wrong.message));
  }
}

TEST(PodPatchErrorTest, TwoDatasetsCannotHaveOnePath) {
  const Json pod = PodOf(Json::parse(R"({"containers": [{"name": "c"}]})"));
  const auto patch =
      PodPatch(pod, {{"a", true, false, false, {.mount_path = "/models"}},
                     {"b", true, false, false, {.mount_path = "/models"}}});
  ASSERT_FALSE(patch.ok());
  EXPECT_THAT(patch.error().message,
              HasSubstr("container c mounts something else at /models, the "
                        "place of dataset b"));
}

// Random pods that use few names, so that things meet.
class RandomPod {
 public:
  explicit RandomPod(unsigned seed) : random_(seed) {}

  Json Make() {
    Json spec = {{"nodeName", "n"}, {"containers", Containers(1)}};
    if (Chance(2)) spec["initContainers"] = Containers(0);
    if (Chance(3)) spec["ephemeralContainers"] = Containers(1);
    if (Chance(2)) {
      Json volumes = Json::array();
      for (int i = Below(3); i > 0; --i) {
        volumes.push_back(
            {{"name", Chance(8) ? Name() : "v" + std::to_string(i)},
             {"persistentVolumeClaim", {{"claimName", Name()}}}});
      }
      spec["volumes"] = std::move(volumes);
    }
    return PodOf(spec);
  }

  std::vector<PodDataset> Datasets() {
    std::vector<PodDataset> datasets;
    for (const char* name : {"a", "b", "c"}) {
      datasets.push_back(
          {name, Chance(2), Chance(2), Chance(2), Options(name)});
    }
    return datasets;
  }

  Json Container() {
    Json container = {{"name", Name()}, {"image", "i"}};
    if (Chance(2)) {
      container["volumeMounts"] = Json::array();
      for (int i = Below(3); i > 0; --i) {
        container["volumeMounts"].push_back(
            {{"name", Name()},
             {"mountPath",
              "/mnt/" + std::string(Chance(8) ? "datasets/" : "") + Name()}});
      }
    }
    if (Chance(2)) {
      container["envFrom"] = Json::array();
      for (int i = Below(3); i > 0; --i) {
        container["envFrom"].push_back(
            {{Chance(2) ? "configMapRef" : "secretRef", {{"name", Name()}}}});
      }
    }
    return container;
  }

 private:
  int Below(int n) { return static_cast<int>(random_() % unsigned(n)); }
  bool Chance(int one_in) { return Below(one_in) == 0; }
  std::string Name() { return std::string(1, "abcdefgh"[Below(8)]); }
  dataset::UseOptions Options(const std::string& name) {
    dataset::UseOptions options;
    options.read_only = Chance(4);
    if (Chance(4)) options.mount_path = "/mnt/own-" + name;
    if (Chance(4)) options.containers = {Name(), Name(), "later"};
    if (Chance(4)) options.skipped_containers = {Name()};
    return options;
  }
  Json Containers(int count_min) {
    Json containers = Json::array();
    for (int i = count_min + Below(3); i > 0; --i) {
      containers.push_back(Container());
    }
    return containers;
  }

  std::mt19937 random_;
};

// Takes what a patch may have added off again.
void CutBack(Json& object, const Json& original, const char* key) {
  if (!original.contains(key)) {
    object.erase(key);
    return;
  }
  Json& array = object[key];
  ASSERT_GE(array.size(), original[key].size());
  array.erase(array.begin() + std::ptrdiff_t(original[key].size()),
              array.end());
}

Json WithoutAdditions(Json pod, const Json& original) {
  CutBack(pod["spec"], original["spec"], "volumes");
  for (const char* kind : {"initContainers", "containers"}) {
    if (!original["spec"].contains(kind)) continue;
    for (std::size_t i = 0; i < original["spec"][kind].size(); ++i) {
      for (const char* key : {"volumeMounts", "envFrom"}) {
        CutBack(pod["spec"][kind][i], original["spec"][kind][i], key);
      }
    }
  }
  return pod;
}

TEST(PodPatchPropertyTest, AppliesOnlyAddsAndIsNeededOnce) {
  int patched = 0;
  for (unsigned seed = 0; seed < 2000; ++seed) {
    SCOPED_TRACE(seed);
    RandomPod random(seed);
    const Json pod = random.Make();
    const std::vector<PodDataset> datasets = random.Datasets();
    const auto patch = PodPatch(pod, datasets);
    if (!patch.ok()) {
      EXPECT_EQ(patch.error().code, ErrorCode::kInvalidArgument);
      continue;
    }
    ++patched;
    Json result = pod.patch(*patch);
    ASSERT_EQ(WithoutAdditions(result, pod), pod);
    ASSERT_EQ(PodPatch(result, datasets).value(), Json::array());

    // Another webhook adds a container: it alone gets something.
    result["spec"]["containers"].push_back({{"name", "later"}});
    const auto again = PodPatch(result, datasets);
    ASSERT_TRUE(again.ok()) << again.error().message;
    const std::string later =
        "/spec/containers/" +
        std::to_string(result["spec"]["containers"].size() - 1) + "/";
    for (const Json& operation : *again) {
      EXPECT_TRUE(operation["path"].get<std::string>().starts_with(later))
          << operation;
    }
    result = result.patch(*again);
    ASSERT_EQ(PodPatch(result, datasets).value(), Json::array());
  }
  EXPECT_GT(patched, 500);  // Else the generator makes clashes only.
  EXPECT_LT(patched, 2000);
}

}  // namespace
}  // namespace datashim::webhook
