// Types other than buckets, and what the administrator allows of them.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dataset/policy.h"
#include "dataset/validation.h"

namespace datashim::dataset {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::StartsWith;
using ::testing::UnorderedElementsAre;

Dataset Make(StringMap local) {
  Dataset dataset;
  dataset.name = "data";
  dataset.namespace_name = "staging";
  dataset.local = std::move(local);
  return dataset;
}

TEST(NfsTest, IsAShareForTheKernel) {
  const auto spec = Validate(Make({{"type", "NFS"},
                                   {"server", "[fd00::1]"},
                                   {"share", "/exports//data/"},
                                   {"createDirPVC", "false"},
                                   {"version", "4.1"},
                                   {"mount-options", "hard,timeo=600"},
                                   {"size", "1Ti"}}));
  ASSERT_TRUE(spec.ok()) << spec.error().message;
  const auto& nfs = std::get<NfsSource>(spec->source);
  EXPECT_EQ(nfs.server, "fd00::1");
  EXPECT_EQ(nfs.share, "/exports/data");
  EXPECT_THAT(spec->shape.mount_options,
              ElementsAre("hard", "timeo=600", "nfsvers=4.1"));
  EXPECT_EQ(spec->shape.size, "1Ti");
  EXPECT_EQ(spec->shape.access_mode, "ReadWriteMany");
  EXPECT_THAT(spec->warnings, IsEmpty());
}

TEST(HostTest, IsADirectoryOfTheNode) {
  const auto spec = Validate(
      Make({{"type", "HOST"},
            {"path", "//data/./models/"},
            {"hostPathType", "CreateNew"},
            {"node-selector", "kubernetes.io/hostname=node-1, disk=ssd"}}));
  ASSERT_TRUE(spec.ok()) << spec.error().message;
  const auto& host = std::get<HostSource>(spec->source);
  EXPECT_EQ(host.path, "/data/models");
  EXPECT_TRUE(host.create);
  EXPECT_THAT(host.node_labels,
              ElementsAre(Pair("kubernetes.io/hostname", "node-1"),
                          Pair("disk", "ssd")));
  EXPECT_FALSE(spec->shape.read_only);
}

TEST(HostTest, ReadOnlyIsSaidInTwoWays) {
  for (const auto& [key, value] :
       {std::pair{"permissions", "ReadOnly"}, std::pair{"readonly", "true"}}) {
    const Dataset dataset =
        Make({{"type", "HOST"}, {"path", "/data"}, {key, value}});
    const auto spec = Validate(dataset);
    ASSERT_TRUE(spec.ok()) << spec.error().message;
    EXPECT_TRUE(spec->shape.read_only) << key;
    EXPECT_EQ(spec->shape.access_mode, "ReadOnlyMany") << key;
    EXPECT_TRUE(IsReadOnly(dataset)) << key;
  }
}

TEST(CsiTest, AStorageClassMakesTheVolume) {
  const auto spec = Validate(Make({{"type", "CSI"},
                                   {"storageClass", "fast"},
                                   {"size", "20Gi"},
                                   {"access-mode", "ReadWriteOnce"}}));
  ASSERT_TRUE(spec.ok()) << spec.error().message;
  ASSERT_NE(spec->csi(), nullptr);
  EXPECT_TRUE(spec->csi()->IsDynamic());
  EXPECT_EQ(spec->csi()->storage_class, "fast");
  EXPECT_EQ(spec->shape.size, "20Gi");
}

TEST(CsiTest, AHandleNamesAVolumeThatExists) {
  const auto spec = Validate(Make({{"type", "CSI"},
                                   {"driver", "nfs.csi.k8s.io"},
                                   {"volumeHandle", "server#share#dir"},
                                   {"fsType", "ext4"},
                                   {"attributes.server", "10.0.0.1"},
                                   {"attributes.csi.storage.k8s.io/x", ""},
                                   {"node-stage-secret-name", "keys"},
                                   {"mount-options", "nfsvers=4.1,anything"},
                                   {"readonly", "true"}}));
  ASSERT_TRUE(spec.ok()) << spec.error().message;
  EXPECT_THAT(spec->warnings, IsEmpty());
  const CsiSource& csi = *spec->csi();
  EXPECT_FALSE(csi.IsDynamic());
  EXPECT_EQ(csi.volume_handle, "server#share#dir");
  EXPECT_EQ(csi.fs_type, "ext4");
  EXPECT_THAT(csi.attributes,
              UnorderedElementsAre(Pair("server", "10.0.0.1"),
                                   Pair("csi.storage.k8s.io/x", "")));
  EXPECT_THAT(csi.secrets, ElementsAre(Pair("nodeStageSecretRef", "keys")));
  EXPECT_THAT(spec->shape.mount_options,
              ElementsAre("nfsvers=4.1", "anything"));
}

struct Wrong {
  StringMap local;
  const char* field;
  const char* hint = "";
  ErrorCode code = ErrorCode::kInvalidArgument;
};

const Wrong kWrong[] = {
    {{{"type", "NFS"}, {"share", "/x"}}, "server", "is missing"},
    {{{"type", "NFS"}, {"server", "s"}, {"shrae", "/x"}},
     "share",
     "by 'shrae'?"},
    {{{"type", "NFS"}, {"server", "s:/x"}, {"share", "/x"}},
     "server",
     "without the share"},
    {{{"type", "NFS"}, {"server", "s"}, {"share", "x"}}, "share", "absolute"},
    {{{"type", "NFS"}, {"server", "s"}, {"share", "/a/../b"}}, "share", "'..'"},
    {{{"type", "NFS"}, {"server", "s"}, {"share", "/a"}, {"version", "2"}},
     "version",
     "4.2"},
    {{{"type", "NFS"},
      {"server", "s"},
      {"share", "/a"},
      {"mount-options", "timoe=5"}},
     "mount-options",
     "did you mean timeo?"},
    {{{"type", "NFS"},
      {"server", "s"},
      {"share", "/a"},
      {"mount-options", "suid"}},
     "mount-options",
     "'suid' is not supported"},
    {{{"type", "NFS"},
      {"server", "s"},
      {"share", "/a"},
      {"createDirPVC", "true"}},
     "createDirPVC",
     "not supported yet",
     ErrorCode::kUnimplemented},
    {{{"type", "HOST"}}, "path", "is missing"},
    {{{"type", "HOST"}, {"path", "data"}}, "path", "absolute"},
    {{{"type", "HOST"}, {"path", "/data/../etc"}}, "path", "'..'"},
    {{{"type", "HOST"}, {"path", "/a\nb"}}, "path", "control"},
    {{{"type", "HOST"}, {"path", "/data"}, {"permissions", "rw"}},
     "permissions",
     "ReadOnly"},
    {{{"type", "HOST"}, {"path", "/data"}, {"hostPathType", "Socket"}},
     "hostPathType",
     "CreateNew"},
    {{{"type", "HOST"},
      {"path", "/data"},
      {"hostPathType", "CreateNew"},
      {"readonly", "true"}},
     "hostPathType",
     "empty directory"},
    {{{"type", "HOST"}, {"path", "/data"}, {"node-selector", "node-1"}},
     "node-selector",
     "kubernetes.io/hostname="},
    {{{"type", "CSI"}}, "storageClass", "driver and volumeHandle"},
    {{{"type", "CSI"}, {"storageclass", "x"}},
     "storageClass",
     "by 'storageclass'?"},
    {{{"type", "CSI"}, {"storageClass", "No"}}, "storageClass", "no name"},
    {{{"type", "CSI"}, {"storageClass", "x"}, {"driver", "d"}},
     "storageClass",
     "leave out one"},
    {{{"type", "CSI"}, {"storageClass", "x"}, {"volumeHandle", "h"}},
     "volumeHandle",
     "storageClass"},
    {{{"type", "CSI"}, {"storageClass", "x"}, {"attributes.a", "b"}},
     "attributes.a",
     "parameters"},
    {{{"type", "CSI"}, {"driver", "d"}}, "volumeHandle", "is missing"},
    {{{"type", "CSI"}, {"driver", "d/e"}, {"volumeHandle", "h"}},
     "driver",
     "nfs.csi.k8s.io"},
    {{{"type", "CSI"},
      {"driver", "d"},
      {"volumeHandle", "h"},
      {"fsType", "EXT 4"}},
     "fsType"},
    {{{"type", "CSI"},
      {"driver", "d"},
      {"volumeHandle", "h"},
      {"attributes.", "x"}},
     "attributes."},
    {{{"type", "CSI"},
      {"driver", "d"},
      {"volumeHandle", "h"},
      {"node-publish-secret-name", "a b"}},
     "node-publish-secret-name"},
    {{{"type", "CSI"},
      {"driver", "CSI.datashim.io"},
      {"volumeHandle", "pvc-of-somebody"}},
     "driver",
     "use the type COS",
     ErrorCode::kPermissionDenied},
};

TEST(SourceErrorTest, NamesTheKeyAndHints) {
  for (const Wrong& wrong : kWrong) {
    const auto spec = Validate(Make(wrong.local));
    ASSERT_FALSE(spec.ok()) << wrong.field << " " << wrong.hint;
    EXPECT_EQ(spec.error().code, wrong.code) << spec.error().message;
    EXPECT_THAT(spec.error().message,
                AllOf(StartsWith("spec.local." + std::string(wrong.field)),
                      HasSubstr(wrong.hint)));
  }
}

/// D3 of docs/compatibility.md: no Dataset opens a node.
TEST(PolicyTest, SystemPathsAreRefusedHoweverTheyAreSpelled) {
  for (const char* path : {"/",
                           "//",
                           "/.",
                           "/etc",
                           "/etc/",
                           "//etc",
                           "/./etc/kubernetes",
                           "/etc//passwd",
                           "/proc/1",
                           "/sys",
                           "/dev/shm",
                           "/run",
                           "/run/datashim",
                           "/usr/local/data",
                           "/bin",
                           "/sbin",
                           "/lib",
                           "/lib64",
                           "/root/.ssh",
                           "/boot",
                           "/var",
                           "/var/",
                           "/var/lib",
                           "/var/lib/kubelet",
                           "/var/lib/kubelet/pods/x",
                           "/var/lib/containerd",
                           "/var/lib/docker/x",
                           "/var/lib/containers",
                           "/var/lib/etcd",
                           "/var/lib/rancher/k3s",
                           "/var/lib/datashim",
                           "/var/run/docker.sock",
                           "/var/log/pods",
                           "/opt",
                           "/opt/cni/bin"}) {
    const auto spec = Validate(Make({{"type", "HOST"}, {"path", path}}));
    ASSERT_FALSE(spec.ok()) << path;
    EXPECT_EQ(spec.error().code, ErrorCode::kPermissionDenied) << path;
    EXPECT_THAT(spec.error().message,
                AllOf(StartsWith("spec.local.path: /"), HasSubstr("/data")));
  }
  for (const char* path : {"/data", "/mnt/disks/ssd0", "/srv/models", "/home/x",
                           "/etcetera", "/opt/models", "/var/lib/models",
                           "/var/data", "/tmp/x", "/runs", "/devel"}) {
    EXPECT_TRUE(Validate(Make({{"type", "HOST"}, {"path", path}})).ok())
        << path;
  }
}

TEST(PolicyTest, HostPathsCanBeNarrowed) {
  Policy policy;
  policy.host_paths = {"/data", "/mnt/disks"};
  policy.host_paths_refused = {"/data/kubelet"};
  const auto validate = [&policy](const char* path) {
    return Validate(Make({{"type", "HOST"}, {"path", path}}), policy);
  };
  EXPECT_TRUE(validate("/data/models").ok());
  EXPECT_FALSE(validate("/data").ok());  // It holds the refused one.
  EXPECT_FALSE(validate("/data/kubelet").ok());
  EXPECT_FALSE(validate("/data/kubelet/pods").ok());
  EXPECT_TRUE(validate("/mnt/disks/a").ok());
  EXPECT_THAT(
      validate("/mnt").error().message,
      AllOf(HasSubstr("/data, /mnt/disks"), HasSubstr("datasets.hostPaths")));
  EXPECT_FALSE(validate("/database").ok());
  policy.host_paths.clear();
  EXPECT_THAT(validate("/data/y").error().message, HasSubstr("(none)"));
}

TEST(PolicyTest, TypesAndDriversCanBeTurnedOff) {
  Policy policy;
  policy.types = {"COS"};
  const auto host =
      Validate(Make({{"type", "HOST"}, {"path", "/data"}}), policy);
  ASSERT_FALSE(host.ok());
  EXPECT_EQ(host.error().code, ErrorCode::kPermissionDenied);
  EXPECT_THAT(host.error().message,
              StartsWith("spec.local.type: HOST is turned off"));

  policy = Policy();
  policy.csi_drivers = {"nfs.csi.k8s.io"};
  const auto csi = [&policy](const char* driver) {
    return Validate(
        Make({{"type", "CSI"}, {"driver", driver}, {"volumeHandle", "h"}}),
        policy);
  };
  EXPECT_TRUE(csi("nfs.csi.k8s.io").ok());
  EXPECT_THAT(csi("ebs.csi.aws.com").error().message,
              HasSubstr("datasets.csiDrivers"));
  EXPECT_TRUE(
      Validate(Make({{"type", "CSI"}, {"storageClass", "x"}}), policy).ok());
}

TEST(VolumeOptionsTest, KeysOfOneTypeAreUnknownToAnother) {
  const auto spec = Validate(
      Make({{"type", "HOST"}, {"path", "/data"}, {"bucket", "models"}}));
  ASSERT_TRUE(spec.ok()) << spec.error().message;
  EXPECT_THAT(spec->warnings,
              ElementsAre("spec.local.bucket: unknown key, ignored"));
}

}  // namespace
}  // namespace datashim::dataset
