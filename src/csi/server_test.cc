// The services over real unix sockets, on a host that records its calls.

#include "csi/server.h"

#include <gmock/gmock.h>
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "csi.grpc.pb.h"
#include "csi/testing/recording_host.h"
#include "registration.grpc.pb.h"
#include "sys/testing/private_mounts.h"

namespace datashim::csi {
namespace {

using csi::testing::RecordingHost;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

void SetCapability(::csi::v1::VolumeCapability* capability) {
  capability->mutable_mount();
  capability->mutable_access_mode()->set_mode(
      ::csi::v1::VolumeCapability::AccessMode::MULTI_NODE_MULTI_WRITER);
}

class ServerTest : public ::testing::Test {
 protected:
  void SetUp() override { Start(&host_, &host_); }

  void Start(VolumeHost* host, VolumeController* controller) {
    server_.reset();
    auto server = Server::Start(options_, host, controller);
    ASSERT_TRUE(server.ok()) << server.error().message;
    server_ = *std::move(server);
    channel_ = grpc::CreateChannel("unix:" + options_.socket_path,
                                   grpc::InsecureChannelCredentials());
    node_ = ::csi::v1::Node::NewStub(channel_);
    identity_ = ::csi::v1::Identity::NewStub(channel_);
    controller_ = ::csi::v1::Controller::NewStub(channel_);
  }

  // Calls `method` of `stub`; every call has a deadline.
  template <typename Stub, typename Method, typename Request, typename Response>
  static grpc::Status Call(Stub& stub, Method method, const Request& request,
                           Response& response) {
    grpc::ClientContext context;
    context.set_deadline(SystemClock().WallNow() + std::chrono::seconds(20));
    return (stub.*method)(&context, request, &response);
  }

  grpc::Status Stage(const std::string& volume_id) {
    ::csi::v1::NodeStageVolumeRequest request;
    request.set_volume_id(volume_id);
    request.set_staging_target_path("/stage");
    SetCapability(request.mutable_volume_capability());
    (*request.mutable_secrets())["k"] = "v";
    ::csi::v1::NodeStageVolumeResponse response;
    return Call(*node_, &::csi::v1::Node::Stub::NodeStageVolume, request,
                response);
  }
  grpc::Status Publish(const std::string& volume_id,
                       const std::string& target) {
    ::csi::v1::NodePublishVolumeRequest request;
    request.set_volume_id(volume_id);
    request.set_staging_target_path("/stage");
    request.set_target_path(target);
    SetCapability(request.mutable_volume_capability());
    request.set_readonly(true);
    (*request.mutable_secrets())["k"] = "v";
    ::csi::v1::NodePublishVolumeResponse response;
    return Call(*node_, &::csi::v1::Node::Stub::NodePublishVolume, request,
                response);
  }
  grpc::Status Unpublish(const std::string& volume_id,
                         const std::string& target) {
    ::csi::v1::NodeUnpublishVolumeRequest request;
    request.set_volume_id(volume_id);
    request.set_target_path(target);
    ::csi::v1::NodeUnpublishVolumeResponse response;
    return Call(*node_, &::csi::v1::Node::Stub::NodeUnpublishVolume, request,
                response);
  }
  grpc::Status Unstage(const std::string& volume_id, const std::string& path) {
    ::csi::v1::NodeUnstageVolumeRequest request;
    request.set_volume_id(volume_id);
    request.set_staging_target_path(path);
    ::csi::v1::NodeUnstageVolumeResponse response;
    return Call(*node_, &::csi::v1::Node::Stub::NodeUnstageVolume, request,
                response);
  }
  grpc::Status Stats(const std::string& volume_id, const std::string& path,
                     ::csi::v1::NodeGetVolumeStatsResponse& response) {
    ::csi::v1::NodeGetVolumeStatsRequest request;
    request.set_volume_id(volume_id);
    request.set_volume_path(path);
    return Call(*node_, &::csi::v1::Node::Stub::NodeGetVolumeStats, request,
                response);
  }

  const sys::testing::TemporaryDirectory directory_;
  ServerOptions options_ = {directory_.path() + "/csi.sock", "node-7",
                            directory_.path(), "/kubelet/csi.sock", 12};
  const std::string registration_ =
      directory_.path() + "/csi.datashim.io-reg.sock";
  RecordingHost host_;
  std::unique_ptr<Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<::csi::v1::Node::Stub> node_;
  std::unique_ptr<::csi::v1::Identity::Stub> identity_;
  std::unique_ptr<::csi::v1::Controller::Stub> controller_;
};

TEST_F(ServerTest, PassesTheLifeOfAVolumeToTheHost) {
  EXPECT_TRUE(Stage("pvc-1").ok());
  EXPECT_TRUE(Publish("pvc-1", "/target").ok());
  EXPECT_TRUE(Unpublish("pvc-1", "/target").ok());
  EXPECT_TRUE(Unstage("pvc-1", "/stage").ok());
  EXPECT_THAT(host_.Calls(),
              ElementsAre("stage pvc-1 /stage rw k=v",
                          "publish pvc-1 /stage /target ro k=v",
                          "unpublish pvc-1 /target", "unstage pvc-1 /stage"));
}

TEST_F(ServerTest, BadRequestsDoNotReachTheHost) {
  ::csi::v1::NodeGetVolumeStatsResponse stats;
  const std::pair<grpc::Status, const char*> cases[] = {
      {Stage(""), "volume_id"},
      {Publish("pvc-1", ""), "target_path"},
      {Unpublish("", "/target"), "volume_id"},
      {Unpublish("pvc-1", ""), "target_path"},
      {Unstage("", "/stage"), "volume_id"},
      {Unstage("pvc-1", ""), "staging_target_path"},
      {Stats("", "/target", stats), "volume_id"},
      {Stats("pvc-1", "", stats), "volume_path"},
  };
  for (const auto& [status, culprit] : cases) {
    EXPECT_EQ(status.error_code(), grpc::INVALID_ARGUMENT) << culprit;
    EXPECT_THAT(status.error_message(), HasSubstr(culprit));
  }
  EXPECT_THAT(host_.Calls(), IsEmpty());
}

TEST_F(ServerTest, ErrorsOfTheHostKeepTheirCode) {
  host_.answer = Error{ErrorCode::kNotFound, "no such bucket"};
  ::csi::v1::NodeGetVolumeStatsResponse stats;
  for (const grpc::Status& status :
       {Stage("pvc-1"), Publish("pvc-1", "/t"), Unpublish("pvc-1", "/t"),
        Unstage("pvc-1", "/s"), Stats("pvc-1", "some/path", stats)}) {
    EXPECT_EQ(status.error_code(), grpc::NOT_FOUND);
    EXPECT_EQ(status.error_message(), "no such bucket");
  }
}

TEST_F(ServerTest, SecondOperationOnAVolumeIsAborted) {
  std::jthread first([&] { EXPECT_TRUE(Stage("slow").ok()); });
  host_.AwaitCalls(1);
  EXPECT_EQ(Stage("slow").error_code(), grpc::ABORTED);
  EXPECT_EQ(Publish("slow", "/t").error_code(), grpc::ABORTED);
  EXPECT_EQ(Unstage("slow", "/stage").error_code(), grpc::ABORTED);
  EXPECT_TRUE(Stage("pvc-1").ok()) << "another volume";
  host_.Continue();
  first.join();
  EXPECT_TRUE(Stage("slow").ok());
}

TEST_F(ServerTest, PodsOfOneVolumeArePublishedSideBySide) {
  std::jthread first([&] { EXPECT_TRUE(Publish("slow", "/1").ok()); });
  host_.AwaitCalls(1);
  std::jthread second([&] { EXPECT_TRUE(Publish("slow", "/2").ok()); });
  host_.AwaitCalls(2);
  EXPECT_EQ(Publish("slow", "/1").error_code(), grpc::ABORTED);
  EXPECT_EQ(Unpublish("slow", "/1").error_code(), grpc::ABORTED);
  host_.Continue();
}

TEST_F(ServerTest, StatsCarryUsageAndCondition) {
  ::csi::v1::NodeGetVolumeStatsResponse response;
  ASSERT_TRUE(Stats("pvc-1", "/target", response).ok());
  EXPECT_EQ(response.ShortDebugString(),
            "usage { available: 4 total: 9223372036854775807 used: 3 unit: "
            "BYTES } usage { available: 6 total: 10 used: 4 unit: INODES } "
            "volume_condition { abnormal: true message: \"the bucket is "
            "gone\" }");
}

TEST_F(ServerTest, NodeSaysWhoItIs) {
  ::csi::v1::NodeGetInfoResponse info;
  ASSERT_TRUE(Call(*node_, &::csi::v1::Node::Stub::NodeGetInfo,
                   ::csi::v1::NodeGetInfoRequest(), info)
                  .ok());
  EXPECT_EQ(info.node_id(), "node-7");
  EXPECT_EQ(info.max_volumes_per_node(), 12);
  EXPECT_FALSE(info.has_accessible_topology());

  ::csi::v1::NodeGetCapabilitiesResponse capabilities;
  ASSERT_TRUE(Call(*node_, &::csi::v1::Node::Stub::NodeGetCapabilities,
                   ::csi::v1::NodeGetCapabilitiesRequest(), capabilities)
                  .ok());
  std::vector<int> types;
  for (const auto& capability : capabilities.capabilities()) {
    types.push_back(capability.rpc().type());
  }
  EXPECT_THAT(types, UnorderedElementsAre(1, 2, 4, 5));  // The spec's numbers.
}

TEST_F(ServerTest, IdentityNamesTheDriver) {
  ::csi::v1::GetPluginInfoResponse info;
  ASSERT_TRUE(Call(*identity_, &::csi::v1::Identity::Stub::GetPluginInfo,
                   ::csi::v1::GetPluginInfoRequest(), info)
                  .ok());
  EXPECT_EQ(info.name(), "csi.datashim.io");
  EXPECT_EQ(info.vendor_version(), DATASHIM_VERSION);
  ::csi::v1::GetPluginCapabilitiesResponse capabilities;
  ASSERT_TRUE(Call(*identity_,
                   &::csi::v1::Identity::Stub::GetPluginCapabilities,
                   ::csi::v1::GetPluginCapabilitiesRequest(), capabilities)
                  .ok());
  ASSERT_EQ(capabilities.capabilities_size(), 1);
  EXPECT_EQ(capabilities.capabilities(0).service().type(), 1);
}

TEST_F(ServerTest, ProbeTellsNotYetFromNever) {
  const auto probe = [&](::csi::v1::ProbeResponse& response) {
    return Call(*identity_, &::csi::v1::Identity::Stub::Probe,
                ::csi::v1::ProbeRequest(), response);
  };
  ::csi::v1::ProbeResponse response;
  ASSERT_TRUE(probe(response).ok());
  EXPECT_TRUE(response.ready().value());
  host_.answer = Error{ErrorCode::kUnavailable, "no keeper yet"};
  ASSERT_TRUE(probe(response).ok());
  EXPECT_TRUE(response.has_ready());
  EXPECT_FALSE(response.ready().value());
  host_.answer = Error{ErrorCode::kInternal, "broken"};
  EXPECT_EQ(probe(response).error_code(), grpc::FAILED_PRECONDITION);
}

TEST_F(ServerTest, ControllerCreatesAndDeletes) {
  ::csi::v1::CreateVolumeRequest create;
  create.set_name("pvc-1");
  SetCapability(create.add_volume_capabilities());
  create.mutable_capacity_range()->set_required_bytes(5);
  ::csi::v1::CreateVolumeResponse created;
  ASSERT_TRUE(Call(*controller_, &::csi::v1::Controller::Stub::CreateVolume,
                   create, created)
                  .ok());
  EXPECT_EQ(created.volume().volume_id(), "id-of-pvc-1");
  EXPECT_EQ(created.volume().capacity_bytes(), 5);

  ::csi::v1::DeleteVolumeRequest remove;
  ::csi::v1::DeleteVolumeResponse removed;
  const auto call_delete = [&] {
    return Call(*controller_, &::csi::v1::Controller::Stub::DeleteVolume,
                remove, removed);
  };
  EXPECT_EQ(call_delete().error_code(), grpc::INVALID_ARGUMENT);
  remove.set_volume_id("id-of-pvc-1");
  (*remove.mutable_secrets())["k"] = "v";
  EXPECT_TRUE(call_delete().ok());
  EXPECT_THAT(host_.Calls(),
              ElementsAre("create pvc-1", "delete id-of-pvc-1 k=v"));

  ::csi::v1::ControllerGetCapabilitiesResponse capabilities;
  ASSERT_TRUE(Call(*controller_,
                   &::csi::v1::Controller::Stub::ControllerGetCapabilities,
                   ::csi::v1::ControllerGetCapabilitiesRequest(), capabilities)
                  .ok());
  EXPECT_EQ(capabilities.capabilities(0).rpc().type(), 1);
}

TEST_F(ServerTest, ControllerConfirmsWhatItSupports) {
  ::csi::v1::ValidateVolumeCapabilitiesRequest request;
  ::csi::v1::ValidateVolumeCapabilitiesResponse response;
  const auto validate = [&] {
    return Call(*controller_,
                &::csi::v1::Controller::Stub::ValidateVolumeCapabilities,
                request, response);
  };
  EXPECT_EQ(validate().error_code(), grpc::INVALID_ARGUMENT);
  request.set_volume_id("pvc-1");
  EXPECT_EQ(validate().error_code(), grpc::INVALID_ARGUMENT);
  SetCapability(request.add_volume_capabilities());
  (*request.mutable_volume_context())["a"] = "b";
  ASSERT_TRUE(validate().ok());
  EXPECT_EQ(response.confirmed().volume_capabilities_size(), 1);
  EXPECT_EQ(response.confirmed().volume_context().at("a"), "b");

  response.Clear();
  request.add_volume_capabilities()->mutable_block();
  ASSERT_TRUE(validate().ok());
  EXPECT_FALSE(response.has_confirmed());
  EXPECT_THAT(response.message(), HasSubstr("block"));

  host_.answer = Error{ErrorCode::kNotFound, "no such volume"};
  EXPECT_EQ(validate().error_code(), grpc::NOT_FOUND);
}

TEST_F(ServerTest, ServesOnlyWhatItWasGiven) {
  Start(&host_, nullptr);
  ::csi::v1::CreateVolumeResponse created;
  EXPECT_EQ(Call(*controller_, &::csi::v1::Controller::Stub::CreateVolume,
                 ::csi::v1::CreateVolumeRequest(), created)
                .error_code(),
            grpc::UNIMPLEMENTED);
  Start(nullptr, &host_);
  EXPECT_EQ(Stage("pvc-1").error_code(), grpc::UNIMPLEMENTED);
  ::csi::v1::ProbeResponse probe;
  ASSERT_TRUE(Call(*identity_, &::csi::v1::Identity::Stub::Probe,
                   ::csi::v1::ProbeRequest(), probe)
                  .ok());
  EXPECT_TRUE(probe.ready().value());
}

TEST_F(ServerTest, KubeletIsToldWhereTheDriverIs) {
  const auto stub =
      pluginregistration::Registration::NewStub(grpc::CreateChannel(
          "unix:" + registration_, grpc::InsecureChannelCredentials()));
  pluginregistration::PluginInfo info;
  ASSERT_TRUE(Call(*stub, &pluginregistration::Registration::Stub::GetInfo,
                   pluginregistration::InfoRequest(), info)
                  .ok());
  EXPECT_EQ(info.type(), "CSIPlugin");
  EXPECT_EQ(info.name(), "csi.datashim.io");
  EXPECT_EQ(info.endpoint(), "/kubelet/csi.sock");
  EXPECT_THAT(info.supported_versions(), ElementsAre("1.0.0"));
  pluginregistration::RegistrationStatus status;
  status.set_plugin_registered(true);
  pluginregistration::RegistrationStatusResponse response;
  EXPECT_TRUE(
      Call(*stub,
           &pluginregistration::Registration::Stub::NotifyRegistrationStatus,
           status, response)
          .ok());
}

TEST_F(ServerTest, SocketsAreForTheirOwnerAndGoWithTheServer) {
  for (const std::string& path : {options_.socket_path, registration_}) {
    struct stat found = {};
    ASSERT_EQ(::stat(path.c_str(), &found), 0);
    EXPECT_EQ(found.st_mode, S_IFSOCK | 0600U);
  }
  server_->Stop(Deadline::After(std::chrono::seconds(5)));
  server_->Stop(Deadline::After(std::chrono::seconds(5)));
  EXPECT_FALSE(std::filesystem::exists(registration_));
  EXPECT_FALSE(std::filesystem::exists(options_.socket_path));
}

TEST_F(ServerTest, StopWaitsForRunningRequests) {
  std::jthread caller([&] { EXPECT_TRUE(Stage("slow").ok()); });
  host_.AwaitCalls(1);
  std::jthread stopper(
      [&] { server_->Stop(Deadline::After(std::chrono::seconds(20))); });
  // The registration goes first, while the request still runs.
  while (std::filesystem::exists(registration_)) std::this_thread::yield();
  host_.Continue();
}

TEST_F(ServerTest, StaleSocketsAreReplaced) {
  server_.reset();
  const int left = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  options_.socket_path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  ASSERT_EQ(::bind(left, reinterpret_cast<const sockaddr*>(&address),
                   sizeof(address)),
            0);
  ::close(left);
  Start(&host_, nullptr);
  EXPECT_TRUE(Stage("pvc-1").ok());
}

TEST_F(ServerTest, SaysWhyItCannotServe) {
  const auto start = [&](const ServerOptions& options) {
    const auto server = Server::Start(options, &host_, nullptr);
    EXPECT_FALSE(server.ok());
    return server.ok() ? Error{} : server.error();
  };
  ServerOptions options = options_;
  options.socket_path = directory_.path() + "/none/csi.sock";
  EXPECT_EQ(start(options).code, ErrorCode::kUnavailable);
  EXPECT_THAT(start(options).message, HasSubstr("none/csi.sock"));
  options.socket_path = "/" + std::string(107, 's');
  EXPECT_EQ(start(options).code, ErrorCode::kInvalidArgument);
  options = options_;
  options.socket_path = directory_.path() + "/file";
  std::ofstream(options.socket_path) << "mine";
  EXPECT_EQ(start(options).code, ErrorCode::kFailedPrecondition);
  EXPECT_TRUE(std::filesystem::exists(options.socket_path));
  options = options_;
  options.node_id.clear();
  EXPECT_EQ(start(options).code, ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace datashim::csi
