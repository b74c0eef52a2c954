// ARCHIVE Datasets: what is fetched, with whose keys, and where it goes.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dataset/validation.h"

namespace datashim::dataset {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

Dataset Archive(const std::string& url = "https://example.com/noaa.tar.gz") {
  Dataset dataset;
  dataset.name = "noaa";
  dataset.namespace_name = "staging";
  dataset.uid = "uid-1";
  dataset.type = "ARCHIVE";
  dataset.url = url;
  return dataset;
}

const StringMap kOwnPlace = {{"type", "COS"},
                             {"endpoint", "http://minio:9000"},
                             {"bucket", "bucket/folder"},
                             {"secret-name", "keys"}};

std::string Why(const Dataset& dataset) {
  const auto spec = Validate(dataset);
  return spec.ok() ? "ok" : spec.error().message;
}

TEST(ArchiveSourceTest, UpstreamsYamlIsTaken) {
  Dataset dataset = Archive();
  dataset.format = "application/x-tar";
  dataset.extract = "true";
  dataset.local = StringMap{{"provision", "true"}};
  const auto spec = Validate(dataset);
  ASSERT_TRUE(spec.ok()) << spec.error().message;
  ASSERT_NE(spec->archive(), nullptr);
  EXPECT_EQ(spec->bucket(), nullptr);
  EXPECT_EQ(spec->archive()->format, ArchiveFormat::kTar);
  EXPECT_TRUE(spec->archive()->extract);
  EXPECT_TRUE(spec->archive()->is_operators_place);
  EXPECT_FALSE(spec->archive()->origin.has_value());
  EXPECT_EQ(spec->shape.access_mode, "ReadOnlyMany");
  EXPECT_THAT(spec->warnings, IsEmpty());
  EXPECT_TRUE(IsReadOnly(dataset));
  EXPECT_FALSE(HasEnvironment(dataset));
}

TEST(ArchiveSourceTest, TheOwnersPlaceIsABucket) {
  Dataset dataset = Archive();
  dataset.local = kOwnPlace;
  const auto spec = Validate(dataset);
  ASSERT_TRUE(spec.ok()) << spec.error().message;
  EXPECT_FALSE(spec->archive()->is_operators_place);
  EXPECT_EQ(spec->archive()->target.config.bucket, "bucket");
  EXPECT_EQ(spec->archive()->target.config.prefix, "folder/");
  EXPECT_EQ(spec->archive()->target.secret_name, "keys");
  EXPECT_TRUE(spec->archive()->target.config.read_only);
  EXPECT_FALSE(HasEnvironment(dataset));
}

TEST(ArchiveSourceTest, APlaceWithoutTypeIsNotGuessed) {
  Dataset dataset = Archive();
  dataset.local = StringMap{{"bucket", "mine"}};
  EXPECT_THAT(Why(dataset), HasSubstr("type: COS"));
  dataset.local = StringMap{{"type", "NFS"}};
  EXPECT_THAT(Why(dataset), StartsWith("spec.local.type"));
}

TEST(ArchiveSourceTest, WhatIsWrongIsNamed) {
  EXPECT_THAT(Why(Archive("")), StartsWith("spec.url: is missing"));
  EXPECT_THAT(Why(Archive("ftp://x/y")), StartsWith("spec.url"));
  EXPECT_THAT(Why(Archive("http://169.254.169.254/latest")),
              StartsWith("spec.url"));
  Dataset dataset = Archive();
  dataset.sha256 = "abc";
  EXPECT_THAT(Why(dataset), StartsWith("spec.sha256"));
  dataset.sha256 = std::string(64, 'A');
  dataset.extract = "yes";
  EXPECT_THAT(Why(dataset), StartsWith("spec.extract"));
  dataset.extract = "";
  dataset.format = "application/x-rar";
  const auto spec = Validate(dataset);
  ASSERT_TRUE(spec.ok());
  EXPECT_THAT(spec->warnings, ElementsAre(HasSubstr("application/x-rar")));
  EXPECT_EQ(spec->archive()->sha256, std::string(64, 'a'));
}

TEST(ArchiveSourceTest, AnObjectIsReadWithTheOwnersKeysOrWithNone) {
  Dataset dataset = Archive("s3://open-data/noaa.tar");
  // The operator's keys open the target, and nothing else.
  auto spec = Validate(dataset);
  ASSERT_TRUE(spec.ok()) << spec.error().message;
  ASSERT_TRUE(spec->archive()->origin.has_value());
  EXPECT_EQ(spec->archive()->origin->config.bucket, "open-data");
  EXPECT_EQ(spec->archive()->origin->secret_name, "");
  EXPECT_EQ(spec->archive()->origin->config.endpoint, "");

  dataset.local = kOwnPlace;
  spec = Validate(dataset);
  ASSERT_TRUE(spec.ok()) << spec.error().message;
  EXPECT_EQ(spec->archive()->origin->config.endpoint, "http://minio:9000");
  EXPECT_EQ(spec->archive()->origin->config.bucket, "open-data");
  EXPECT_EQ(spec->archive()->origin->secret_name, "keys");

  (*dataset.local)["source-endpoint"] = "https://s3.example.com";
  spec = Validate(dataset);
  ASSERT_TRUE(spec.ok()) << spec.error().message;
  EXPECT_EQ(spec->archive()->origin->config.endpoint, "https://s3.example.com");
  EXPECT_EQ(spec->archive()->origin->secret_name, "");
  (*dataset.local)["source-secret-name"] = "their-keys";
  EXPECT_EQ(Validate(dataset)->archive()->origin->secret_name, "their-keys");

  dataset.url = "https://example.com/a.tar";
  EXPECT_THAT(Why(dataset), HasSubstr("source-endpoint"));
}

TEST(ArchiveSourceTest, CopiesOfOursGoUnlessThatIsDenied) {
  Dataset dataset = Archive();
  EXPECT_TRUE(RemovesOnDelete(dataset));
  dataset.local = StringMap{{"remove-on-delete", "false"}};
  EXPECT_FALSE(RemovesOnDelete(dataset));
  dataset.labels["remove-on-delete"] = "true";
  EXPECT_TRUE(RemovesOnDelete(dataset));
  dataset.labels["remove-on-delete"] = "false";
  dataset.local = StringMap{{"remove-on-delete", "true"}};
  EXPECT_FALSE(RemovesOnDelete(dataset));
}

TEST(ArchiveSourceTest, TheAdministratorCanTurnItOff) {
  Policy policy;
  policy.types = {"COS"};
  const auto spec = Validate(Archive(), policy);
  ASSERT_FALSE(spec.ok());
  EXPECT_EQ(spec.error().code, ErrorCode::kPermissionDenied);
  EXPECT_THAT(spec.error().message, StartsWith("spec.type: ARCHIVE"));
}

TEST(H3SourceTest, IsAVolumeOfItsDriver) {
  Dataset dataset;
  dataset.name = "data";
  dataset.uid = "uid-1";
  dataset.local = StringMap{{"type", "H3"},
                            {"storageUri", "redis://redis.default.svc:6379"},
                            {"bucket", "b1"},
                            {"permissions", "ReadOnly"}};
  const auto spec = Validate(dataset);
  ASSERT_TRUE(spec.ok()) << spec.error().message;
  ASSERT_NE(spec->csi(), nullptr);
  EXPECT_EQ(spec->csi()->driver, "csi-h3");
  EXPECT_EQ(spec->csi()->volume_handle, "data-uid-1");
  EXPECT_EQ(spec->csi()->attributes.at("storageUri"),
            "redis://redis.default.svc:6379");
  EXPECT_EQ(spec->csi()->attributes.at("bucket"), "b1");
  EXPECT_TRUE(spec->shape.read_only);
  EXPECT_EQ(spec->shape.access_mode, "ReadOnlyMany");
  EXPECT_EQ(spec->shape.size, "1Pi");
  EXPECT_TRUE(IsReadOnly(dataset));
  EXPECT_THAT(spec->warnings, IsEmpty());
}

}  // namespace
}  // namespace datashim::dataset
