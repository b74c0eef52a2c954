#include "csi/requests.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "csi/grpc_status_map.h"
#include "csi/request_log.h"

namespace datashim::csi {
namespace {

using ::csi::v1::VolumeCapability;
using ::testing::HasSubstr;
using ::testing::Not;

VolumeCapability Capability(
    VolumeCapability::AccessMode::Mode mode =
        VolumeCapability::AccessMode::MULTI_NODE_MULTI_WRITER) {
  VolumeCapability capability;
  capability.mutable_mount();
  capability.mutable_access_mode()->set_mode(mode);
  return capability;
}

::csi::v1::NodeStageVolumeRequest Stage() {
  ::csi::v1::NodeStageVolumeRequest request;
  request.set_volume_id("pvc-1");
  request.set_staging_target_path("/stage");
  *request.mutable_volume_capability() = Capability();
  (*request.mutable_secrets())["secretAccessKey"] = "hush";
  return request;
}

::csi::v1::NodePublishVolumeRequest Publish() {
  ::csi::v1::NodePublishVolumeRequest request;
  request.set_volume_id("pvc-1");
  request.set_staging_target_path("/stage");
  request.set_target_path("/target");
  *request.mutable_volume_capability() = Capability();
  (*request.mutable_secrets())["secretAccessKey"] = "hush";
  return request;
}

::csi::v1::CreateVolumeRequest Create() {
  ::csi::v1::CreateVolumeRequest request;
  request.set_name("pvc-1");
  *request.add_volume_capabilities() = Capability();
  request.mutable_capacity_range()->set_required_bytes(1 << 30);
  return request;
}

// Each change makes the request bad; the message names `culprit`.
template <typename Request>
struct Bad {
  std::function<void(Request&)> change;
  const char* culprit;
  ErrorCode code = ErrorCode::kInvalidArgument;
};

template <typename Request, typename Parse>
void ExpectBad(const Request& good, const std::vector<Bad<Request>>& cases,
               Parse parse) {
  for (const auto& [change, culprit, code] : cases) {
    Request request = good;
    change(request);
    const auto parsed = parse(request);
    ASSERT_FALSE(parsed.ok()) << culprit;
    EXPECT_EQ(parsed.error().code, code) << culprit;
    EXPECT_THAT(parsed.error().message, HasSubstr(culprit));
  }
}

TEST(RequestsTest, StageIsTakenAsItIs) {
  const auto stage = ToStageRequest(Stage());
  ASSERT_TRUE(stage.ok()) << stage.error().message;
  EXPECT_EQ(stage->volume_id, "pvc-1");
  EXPECT_EQ(stage->staging_path, "/stage");
  EXPECT_FALSE(stage->read_only);
  EXPECT_EQ(stage->secrets.at("secretAccessKey").Reveal(), "hush");
}

TEST(RequestsTest, BadStagesNameTheField) {
  using Request = ::csi::v1::NodeStageVolumeRequest;
  ExpectBad<Request>(
      Stage(),
      {{[](Request& r) { r.clear_volume_id(); }, "volume_id"},
       {[](Request& r) { r.set_volume_id(std::string(129, 'v')); },
        "volume_id"},
       {[](Request& r) { r.clear_staging_target_path(); },
        "staging_target_path"},
       {[](Request& r) { r.set_staging_target_path("stage"); },
        "staging_target_path"},
       {[](Request& r) {
          r.set_staging_target_path("/" + std::string(4095, 's'));
        },
        "staging_target_path"},
       {[](Request& r) { r.clear_volume_capability(); }, "volume_capability"},
       {[](Request& r) { r.mutable_volume_capability()->clear_mount(); },
        "access type"},
       {[](Request& r) { r.mutable_volume_capability()->mutable_block(); },
        "block"},
       {[](Request& r) { r.mutable_volume_capability()->clear_access_mode(); },
        "access mode"},
       {[](Request& r) {
          r.mutable_volume_capability()->mutable_mount()->add_mount_flags(
              "noexec");
        },
        "noexec"},
       {[](Request& r) {
          (*r.mutable_secrets())["k"] = std::string(kSecretsBytesMax, 's');
        },
        "secrets"}},
      ToStageRequest);
}

TEST(RequestsTest, OnlyOneModeIsForOnePod) {
  using Mode = VolumeCapability::AccessMode;
  for (int mode = Mode::SINGLE_NODE_WRITER;
       mode <= Mode::SINGLE_NODE_MULTI_WRITER; ++mode) {
    auto request = Publish();
    *request.mutable_volume_capability() =
        Capability(static_cast<Mode::Mode>(mode));
    EXPECT_EQ(ToPublishRequest(request)->single_writer,
              mode == Mode::SINGLE_NODE_SINGLE_WRITER)
        << mode;
  }
}

TEST(RequestsTest, ReadOnlyComesFromModeFlagOrRequest) {
  using Mode = VolumeCapability::AccessMode;
  for (int mode = Mode::SINGLE_NODE_WRITER;
       mode <= Mode::SINGLE_NODE_MULTI_WRITER; ++mode) {
    auto request = Stage();
    *request.mutable_volume_capability() =
        Capability(static_cast<Mode::Mode>(mode));
    EXPECT_EQ(ToStageRequest(request)->read_only,
              mode == Mode::SINGLE_NODE_READER_ONLY ||
                  mode == Mode::MULTI_NODE_READER_ONLY)
        << mode;
  }
  auto flagged = Stage();
  auto& mount = *flagged.mutable_volume_capability()->mutable_mount();
  mount.add_mount_flags("noatime");
  EXPECT_FALSE(ToStageRequest(flagged)->read_only);
  mount.add_mount_flags("ro");
  EXPECT_TRUE(ToStageRequest(flagged)->read_only);

  auto publish = Publish();
  EXPECT_FALSE(ToPublishRequest(publish)->read_only);
  publish.set_readonly(true);
  EXPECT_TRUE(ToPublishRequest(publish)->read_only);
  publish = Publish();
  *publish.mutable_volume_capability() =
      Capability(Mode::MULTI_NODE_READER_ONLY);
  EXPECT_TRUE(ToPublishRequest(publish)->read_only);
}

TEST(RequestsTest, PublishIsTakenAsItIs) {
  const auto publish = ToPublishRequest(Publish());
  ASSERT_TRUE(publish.ok()) << publish.error().message;
  EXPECT_EQ(publish->volume_id, "pvc-1");
  EXPECT_EQ(publish->staging_path, "/stage");
  EXPECT_EQ(publish->target_path, "/target");
  EXPECT_EQ(publish->secrets.at("secretAccessKey").Reveal(), "hush");
}

TEST(RequestsTest, BadPublishesNameTheField) {
  using Request = ::csi::v1::NodePublishVolumeRequest;
  ExpectBad<Request>(
      Publish(),
      {{[](Request& r) { r.clear_volume_id(); }, "volume_id"},
       {[](Request& r) { r.clear_target_path(); }, "target_path"},
       {[](Request& r) { r.set_target_path(std::string("/a\0b", 4)); },
        "target_path"},
       {[](Request& r) { r.clear_volume_capability(); }, "volume_capability"},
       {[](Request& r) { r.clear_staging_target_path(); },
        "staging_target_path", ErrorCode::kFailedPrecondition},
       {[](Request& r) { r.set_staging_target_path("x"); },
        "staging_target_path"}},
      ToPublishRequest);
}

TEST(RequestsTest, CreateIsTakenAsItIs) {
  auto request = Create();
  (*request.mutable_secrets())["k"] = "v";
  const auto create = ToCreateRequest(request);
  ASSERT_TRUE(create.ok()) << create.error().message;
  EXPECT_EQ(create->name, "pvc-1");
  EXPECT_EQ(create->capacity_bytes, 1U << 30);
  EXPECT_EQ(create->secrets.at("k").Reveal(), "v");
  request.set_name(std::string(128, 'n'));
  EXPECT_TRUE(ToCreateRequest(request).ok());
}

TEST(RequestsTest, BadCreatesNameTheField) {
  using Request = ::csi::v1::CreateVolumeRequest;
  ExpectBad<Request>(
      Create(),
      {{[](Request& r) { r.clear_name(); }, "name"},
       {[](Request& r) { r.clear_volume_capabilities(); },
        "volume_capabilities"},
       {[](Request& r) { r.add_volume_capabilities()->mutable_block(); },
        "block"},
       {[](Request& r) { r.mutable_volume_content_source(); },
        "volume_content_source"},
       {[](Request& r) { (*r.mutable_mutable_parameters())["a"] = "b"; },
        "mutable_parameters"},
       {[](Request& r) { r.mutable_capacity_range()->set_required_bytes(-1); },
        "capacity_range"},
       {[](Request& r) { r.mutable_capacity_range()->set_limit_bytes(1); },
        "capacity_range"}},
      ToCreateRequest);
}

TEST(RequestLogTest, HidesSecretsOnly) {
  auto request = Stage();
  (*request.mutable_secrets())["sessionToken"] = "psst";
  (*request.mutable_volume_context())["plain"] = "shown";
  const std::string text = LogText(request);
  EXPECT_THAT(text, Not(HasSubstr("hush")));
  EXPECT_THAT(text, Not(HasSubstr("psst")));
  EXPECT_THAT(text, HasSubstr("secretAccessKey"));
  EXPECT_THAT(text, HasSubstr("shown"));
  EXPECT_THAT(text, HasSubstr("pvc-1"));
  EXPECT_EQ(request.secrets().at("secretAccessKey"), "hush") << "a copy";
}

TEST(RequestLogTest, HidesTokensOfPods) {
  auto request = Publish();
  auto& context = *request.mutable_volume_context();
  context["csi.storage.k8s.io/serviceAccount.name"] = "reader";
  context["csi.storage.k8s.io/serviceAccount.tokens"] = R"({"a":"hush"})";
  const std::string text = LogText(request);
  EXPECT_THAT(text, HasSubstr("reader"));
  EXPECT_THAT(text, Not(HasSubstr("hush")));
}

TEST(RequestsTest, PublishSaysWhosePodItIs) {
  auto request = Publish();
  auto& context = *request.mutable_volume_context();
  context["csi.storage.k8s.io/pod.namespace"] = "team-a";
  context["csi.storage.k8s.io/serviceAccount.name"] = "reader";
  const std::string tokens = R"({"sts":{"token":"eyJ"}})";
  context["csi.storage.k8s.io/serviceAccount.tokens"] = tokens;
  auto publish = ToPublishRequest(request);
  ASSERT_TRUE(publish.ok()) << publish.error().message;
  EXPECT_EQ(publish->pod.namespace_name, "team-a");
  EXPECT_EQ(publish->pod.service_account, "reader");
  EXPECT_EQ(publish->pod.tokens.at("sts").Reveal(), "eyJ");

  context.erase("csi.storage.k8s.io/serviceAccount.tokens");
  EXPECT_TRUE(ToPublishRequest(request)->pod.tokens.empty());
  (*request.mutable_secrets())["csi.storage.k8s.io/serviceAccount.tokens"] =
      tokens;
  EXPECT_EQ(ToPublishRequest(request)->pod.tokens.at("sts").Reveal(), "eyJ");
  (*request.mutable_secrets())["csi.storage.k8s.io/serviceAccount.tokens"] =
      "hush";
  publish = ToPublishRequest(request);
  ASSERT_FALSE(publish.ok());
  EXPECT_EQ(publish.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(publish.error().message, Not(HasSubstr("hush")));
}

TEST(RequestLogTest, IsBounded) {
  auto request = Stage();
  request.set_volume_id(std::string(100'000, 'v'));
  EXPECT_EQ(LogText(request).size(), 4096U);
}

TEST(GrpcStatusMapTest, KeepsCodeAndMessage) {
  EXPECT_TRUE(ToGrpcStatus(OkStatus()).ok());
  for (int code = 1; code <= 16; ++code) {
    const grpc::Status status =
        ToGrpcStatus(Error{static_cast<ErrorCode>(code), "why"});
    EXPECT_EQ(status.error_code(), code);
    EXPECT_EQ(status.error_message(), "why");
  }
  EXPECT_EQ(ToGrpcStatus(Error{ErrorCode::kInternal, std::string(9000, 'x')})
                .error_message()
                .size(),
            kStatusMessageBytesMax);
}

}  // namespace
}  // namespace datashim::csi
