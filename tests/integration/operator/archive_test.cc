// ARCHIVE Datasets with a real job controller and the real worker. The kubelet
// is played by the test: it runs `datashim unpack` with the Secret of the pod,
// and tells how that ended.

#include <gmock/gmock.h>
#include <sys/wait.h>

#include <filesystem>
#include <fstream>
#include <span>

#include "base/strings.h"
#include "child_process.h"
#include "cluster.h"
#include "net/http_server.h"
#include "operator/names.h"
#include "operator/unpack_job.h"
#include "operator/volume_plan.h"

namespace datashim::integration {
namespace {

using controllers::kDatasets;
using controllers::kJobs;
using ::testing::HasSubstr;
using ::testing::StartsWith;
namespace fs = std::filesystem;

constexpr const char* kSourceBucket = "archives";

/// A tar with one file, without any library.
std::string TarOf(const std::string& name, const std::string& content) {
  std::string header(512, '\0');
  const auto put = [&](std::size_t at, std::string_view text) {
    header.replace(at, text.size(), text);
  };
  std::array<char, 13> size{};
  std::snprintf(size.data(), size.size(), "%011zo", content.size());
  put(0, name);
  put(100, "0000644");
  put(108, "0000000");
  put(116, "0000000");
  put(124, size.data());
  put(136, "00000000000");
  put(148, "        ");
  put(156, "0");
  put(257, std::string_view("ustar\00000", 8));
  unsigned int sum = 0;
  for (const char c : header) sum += static_cast<unsigned char>(c);
  std::snprintf(size.data(), size.size(), "%06o", sum);
  put(148, std::string_view(size.data(), 7));
  std::string body = content;
  body.resize((content.size() + 511) / 512 * 512, '\0');
  return header + body + std::string(1024, '\0');
}

class ArchiveTest : public OperatorTest {
 protected:
  void SetUp() override {
    OperatorOptions options;
    options.workers.image = "localhost/datashim:test";
    RestartOperator(options);
    MakeSecret("keys");
    WritePlaceSecret();
  }
  void TearDown() override { fs::remove_all(directory_); }

  void WritePlaceSecret() {
    Json secret =
        kube::MakeObject(kube::kSecrets, {kOperatorNamespace, "minio-conf"});
    secret["stringData"] = {{"ENDPOINT", minio().url()},
                            {"AWS_ACCESS_KEY_ID", kCanaryId},
                            {"AWS_SECRET_ACCESS_KEY", kCanaryKey}};
    ASSERT_TRUE(client().Apply(kube::kSecrets, secret, {}, Soon()).ok());
  }

  /// @return its s3:// URL.
  std::string PutArchive(const std::string& name, const std::string& bytes) {
    const std::string key = namespace_ + "/" + name;
    const auto put =
        Bucket(kSourceBucket)
            ->Put(key, std::as_bytes(std::span(bytes)), {}, Soon());
    EXPECT_TRUE(put.ok());
    return std::string("s3://") + kSourceBucket + "/" + key;
  }

  /// An archive that is unpacked to the operator's place, unless `local` says
  /// more.
  void MakeArchive(const std::string& name, const std::string& url,
                   Json local = Json::object(), const Json& labels = {}) {
    local["source-endpoint"] = minio().url();
    local["source-secret-name"] = "keys";
    Json dataset = kube::MakeObject(kDatasets, {namespace_, name});
    if (!labels.is_null()) dataset["metadata"]["labels"] = labels;
    dataset["spec"] = {{"type", "ARCHIVE"},
                       {"url", url},
                       {"extract", "true"},
                       {"local", local}};
    const auto created = client().Create(kDatasets, dataset, Soon());
    ASSERT_TRUE(created.ok()) << created.error().message;
  }
  void SetUrl(const std::string& name, const std::string& url) {
    const auto patched =
        client().Patch(kDatasets, {namespace_, name}, kube::PatchType::kMerge,
                       Json{{"spec", {{"url", url}}}}, Soon());
    ASSERT_TRUE(patched.ok()) << patched.error().message;
  }

  std::vector<Json> ListInOperatorNamespace(const kube::ResourceType& type,
                                            const std::string& selector) {
    kube::ListOptions options;
    options.label_selector = selector;
    auto found = client().List(type, kOperatorNamespace, options, Soon());
    EXPECT_TRUE(found.ok());
    return found.ok() ? std::move(found->items) : std::vector<Json>();
  }
  /// Of the Dataset's claim, by a label of Jobs, pods and Secrets.
  std::vector<Json> Of(const std::string& name,
                       const kube::ResourceType& type) {
    const Json claim = FindHere(kube::kPersistentVolumeClaims, name);
    if (claim.is_null()) return {};
    return ListInOperatorNamespace(
        type,
        std::string(controllers::kUnpackForLabel) + "=" + kube::UidOf(claim));
  }
  /// The pod of the worker that has not ended.
  Json AwaitPod(const std::string& name) {
    Json pod;
    EXPECT_TRUE(Eventually("there is a worker", [&] {
      for (Json& found : Of(name, kube::kPods)) {
        if (kube::StringAt(found, {"status", "phase"}) != "Pending" ||
            kube::IsBeingDeleted(found)) {
          continue;
        }
        pod = std::move(found);
        return true;
      }
      return false;
    }));
    return pod;
  }

  void SetPodStatus(Json pod, const char* phase, const Json& state) {
    pod["status"]["phase"] = phase;
    pod["status"]["podIP"] = kPodAddress;
    pod["status"]["podIPs"] = Json::array({{{"ip", kPodAddress}}});
    pod["status"]["containerStatuses"] = Json::array({{{"name", "unpack"},
                                                       {"image", "i"},
                                                       {"imageID", ""},
                                                       {"ready", false},
                                                       {"restartCount", 0},
                                                       {"state", state}}});
    const auto written = client().UpdateStatus(kube::kPods, pod, Soon());
    ASSERT_TRUE(written.ok()) << written.error().message;
  }
  void EndPod(const Json& pod, int exit_code, const std::string& message) {
    SetPodStatus(pod, exit_code == 0 ? "Succeeded" : "Failed",
                 {{"terminated",
                   {{"exitCode", exit_code},
                    {"reason", exit_code == 0 ? "Completed" : "Error"},
                    {"message", message}}}});
  }

  /// Runs the pod's worker as the kubelet would. @return its exit code.
  int RunWorker(const Json& pod) {
    const std::string secret_name =
        pod["spec"]["volumes"][0]["secret"]["secretName"];
    const auto secret =
        client().Get(kube::kSecrets, {kOperatorNamespace, secret_name}, Soon());
    EXPECT_TRUE(secret.ok());
    fs::remove_all(directory_);
    fs::create_directories(directory_ + "/config");
    for (const auto& [key, value] : controllers::SecretDataOf(*secret)) {
      std::ofstream(directory_ + "/config/" + key) << value.Reveal();
    }
    const std::string command = std::string(DATASHIM_BINARY) +
                                " unpack --config-dir=" + directory_ +
                                "/config --result-file=" + directory_ +
                                "/result >" + directory_ + "/log 2>&1";
    const int code = WEXITSTATUS(std::system(command.c_str()));
    std::ifstream result(directory_ + "/result");
    std::string message(std::istreambuf_iterator<char>(result), {});
    EndPod(pod, code, message);
    return code;
  }

  /// Where the volume's files are: bucket and folder.
  std::pair<std::string, std::string> PlaceOf(const std::string& name) {
    const auto data = controllers::SecretDataOf(VolumeSecret(name));
    return {data.at("bucket").Reveal(), data.at("folder").Reveal()};
  }
  bool Exists(const std::string& bucket, const std::string& key) {
    return Bucket(bucket)->Head(key, Soon()).ok();
  }
  std::string Message(const std::string& name) {
    const Json ready = Condition(name, "Ready");
    return ready.is_null() ? "" : ready["message"].get<std::string>();
  }

  static constexpr const char* kPodAddress = "127.77.0.1";
  const std::string directory_ = fs::temp_directory_path() /
                                 ("archive-test-" + std::to_string(::getpid()));
};

TEST_F(ArchiveTest, IsReadyWhenAllFilesAreThereAndNotBefore) {
  MakeArchive("data", PutArchive("a.tar", TarOf("dir/file", "content")));
  const Json pod = AwaitPod("data");
  ASSERT_FALSE(pod.is_null());
  EXPECT_TRUE(Eventually("it says so", [&] {
    return ReadyReason("data") == "Unpacking" && Provision("data") == "Pending";
  }));
  EXPECT_TRUE(VolumeSecret("data").is_null());

  ASSERT_EQ(RunWorker(pod), 0);
  ASSERT_TRUE(EventuallyBound("data"));
  EXPECT_TRUE(Eventually("it is told what was unpacked",
                         [&] { return HasEvent("data", "Unpacked"); }));
  const auto [bucket, folder] = PlaceOf("data");
  const std::string uid = kube::UidOf(Dataset("data"));
  EXPECT_EQ(bucket, uid);
  EXPECT_THAT(folder, StartsWith(uid + "/"));
  EXPECT_TRUE(Exists(bucket, folder + "/dir/file"));
  const Json claim = FindHere(kube::kPersistentVolumeClaims, "data");
  EXPECT_EQ(claim["spec"]["accessModes"], Json::array({"ReadOnlyMany"}));
  EXPECT_TRUE(Eventually("the worker is gone", [&] {
    return Of("data", kJobs).empty() && Of("data", kube::kSecrets).empty();
  }));
  // The operator's keys are in no Secret of the owner's namespace.
  const auto secrets =
      client().List(kube::kSecrets, namespace_, {}, Soon()).value();
  EXPECT_EQ(secrets.items.size(), 1u);  // "keys".
  EXPECT_TRUE(FindHere(kube::kConfigMaps, "data").is_null());
}

TEST_F(ArchiveTest, ProgressIsInTheStatus) {
  net::HttpServerOptions server_options;
  server_options.address = kPodAddress;
  server_options.port = 8082;
  const auto server = net::HttpServer::Start(
      server_options, [](const net::HttpRequest& request) {
        net::HttpResponse response;
        response.status = request.path == "/progress" ? 200 : 404;
        response.body =
            "{\"bytesRead\":1,\"bytesTotal\":4,\"bytesWritten\":3145728,"
            "\"files\":7}";
        return response;
      });
  ASSERT_TRUE(server.ok()) << server.error().message;
  MakeArchive("data", PutArchive("a.tar", TarOf("a", "1")));
  SetPodStatus(AwaitPod("data"), "Running",
               {{"running", {{"startedAt", "2026-01-01T00:00:00Z"}}}});
  EXPECT_TRUE(Eventually("progress is shown", [&] {
    return Message("data") == "7 files, 3 MiB so far, 25 % of the archive";
  }));
}

TEST_F(ArchiveTest, WhatFailsForGoodIsToldAndAnotherUrlMendsIt) {
  MakeArchive("data", PutArchive("bad.tar", TarOf("../escape", "x")));
  EXPECT_EQ(RunWorker(AwaitPod("data")), 3);
  EXPECT_TRUE(Eventually("the reason is told", [&] {
    return ReadyReason("data") == "UnpackFailed" &&
           HasEvent("data", "UnpackFailed");
  }));
  EXPECT_THAT(Message("data"), HasSubstr("entry \"../escape\""));
  EXPECT_TRUE(VolumeSecret("data").is_null());

  SetUrl("data", PutArchive("good.tar", TarOf("a", "1")));
  EXPECT_EQ(RunWorker(AwaitPod("data")), 0);
  EXPECT_TRUE(EventuallyBound("data"));
}

TEST_F(ArchiveTest, AnotherUrlIsAnotherVersionBesideTheOneThatIsUsed) {
  MakeArchive("data", PutArchive("a.tar", TarOf("a", "1")));
  ASSERT_EQ(RunWorker(AwaitPod("data")), 0);
  ASSERT_TRUE(EventuallyBound("data"));
  const auto [bucket, before] = PlaceOf("data");

  SetUrl("data", PutArchive("b.tar", TarOf("b", "2")));
  const Json pod = AwaitPod("data");
  EXPECT_TRUE(Eventually("it is not ready any more",
                         [&] { return ReadyReason("data") == "Unpacking"; }));
  EXPECT_EQ(PlaceOf("data").second, before);
  ASSERT_EQ(RunWorker(pod), 0);
  ASSERT_TRUE(Eventually("it is ready again",
                         [&] { return Provision("data") == "OK"; }));
  const std::string after = PlaceOf("data").second;
  EXPECT_NE(after, before);
  EXPECT_TRUE(Exists(bucket, after + "/b"));
  EXPECT_TRUE(Exists(bucket, before + "/a"));  // Pods may still read it.

  const Json claim = FindHere(kube::kPersistentVolumeClaims, "data");
  Delete(kDatasets, {namespace_, "data"});
  EXPECT_TRUE(EventuallyGone(kDatasets, {namespace_, "data"}));
  EXPECT_EQ(CheckBucket(bucket).error().code, ErrorCode::kNotFound);
}

TEST_F(ArchiveTest, ADatasetThatGoesWhileItIsUnpackedLeavesNothing) {
  MakeArchive("data", PutArchive("a.tar", TarOf("a", "1")));
  const Json pod = AwaitPod("data");
  const std::string bucket = kube::UidOf(Dataset("data"));
  const std::string uid =
      kube::UidOf(FindHere(kube::kPersistentVolumeClaims, "data"));
  // An attempt that was cut off.
  const std::string secret_name =
      pod["spec"]["volumes"][0]["secret"]["secretName"];
  const auto data = controllers::SecretDataOf(
      client()
          .Get(kube::kSecrets, {kOperatorNamespace, secret_name}, Soon())
          .value());
  const std::string half = data.at("folder").Reveal() + "/half";
  ASSERT_TRUE(Bucket(bucket)
                  ->Put(half, std::as_bytes(std::span("x", 1)), {}, Soon())
                  .ok());
  Delete(kDatasets, {namespace_, "data"});
  EXPECT_TRUE(EventuallyGone(kDatasets, {namespace_, "data"}));
  EXPECT_TRUE(Eventually(
      "Job and Secret are gone",
      [&] {
        const std::string selector =
            std::string(controllers::kUnpackForLabel) + "=" + uid;
        return ListInOperatorNamespace(kJobs, selector).empty() &&
               ListInOperatorNamespace(kube::kSecrets, selector).empty();
      },
      std::chrono::seconds(30)));
  EXPECT_EQ(CheckBucket(bucket).error().code, ErrorCode::kNotFound);
}

TEST_F(ArchiveTest, TheOwnersBucketKeepsEverythingElse) {
  const std::string bucket = namespace_ + "-own";
  ASSERT_TRUE(
      Bucket(bucket)
          ->Put("folder/mine", std::as_bytes(std::span("x", 1)), {}, Soon())
          .ok());
  const Json local = {{"type", "COS"},
                      {"endpoint", minio().url()},
                      {"bucket", bucket + "/folder"},
                      {"secret-name", "keys"}};
  MakeArchive("gone", PutArchive("a.tar", TarOf("a", "1")), local);
  ASSERT_EQ(RunWorker(AwaitPod("gone")), 0);
  ASSERT_TRUE(EventuallyBound("gone"));
  MakeArchive("kept", PutArchive("a.tar", TarOf("a", "1")), local,
              {{"remove-on-delete", "false"}});
  ASSERT_EQ(RunWorker(AwaitPod("kept")), 0);
  ASSERT_TRUE(EventuallyBound("kept"));
  const std::string gone = PlaceOf("gone").second;
  const std::string kept = PlaceOf("kept").second;
  EXPECT_THAT(gone, StartsWith("folder/"));
  for (const char* name : {"gone", "kept"}) {
    Delete(kDatasets, {namespace_, name});
    EXPECT_TRUE(EventuallyGone(kDatasets, {namespace_, name}));
  }
  EXPECT_FALSE(Exists(bucket, gone + "/a"));
  EXPECT_TRUE(Exists(bucket, kept + "/a"));
  EXPECT_TRUE(Exists(bucket, "folder/mine"));
}

TEST_F(ArchiveTest, WithoutAPlaceItSaysWhoCanHelp) {
  Delete(kube::kSecrets, {kOperatorNamespace, "minio-conf"});
  MakeArchive("data", PutArchive("a.tar", TarOf("a", "1")));
  EXPECT_TRUE(Eventually("the reason is told", [&] {
    return ReadyReason("data") == "NoPlaceForArchives";
  }));
  EXPECT_THAT(Message("data"), HasSubstr("dlf/minio-conf"));
  EXPECT_TRUE(Of("data", kJobs).empty());
  WritePlaceSecret();
  EXPECT_FALSE(AwaitPod("data").is_null());
}

TEST_F(ArchiveTest, AnOperatorThatComesLaterGoesOn) {
  MakeArchive("data", PutArchive("a.tar", TarOf("a", "1")));
  const Json pod = AwaitPod("data");
  operator_.reset();
  ASSERT_EQ(RunWorker(pod), 0);
  OperatorOptions options;
  options.workers.image = "localhost/datashim:test";
  RestartOperator(options);
  EXPECT_TRUE(EventuallyBound("data"));
  EXPECT_EQ(Of("data", kube::kPods).size() <= 1, true);
}

}  // namespace
}  // namespace datashim::integration
