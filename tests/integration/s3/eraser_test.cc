// PrefixEraser and what goes with it, against a real MinIO: versions,
// unfinished uploads, odd keys, what is beside the prefix, and what is held.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "minio.h"
#include "s3/client_impl.h"
#include "s3/object_store.h"
#include "s3/prefix_eraser.h"

namespace datashim::integration {
namespace {

using ::testing::HasSubstr;

Deadline Soon() { return Deadline::After(std::chrono::seconds(20)); }

Minio& Server() {
  static const std::unique_ptr<Minio> server =
      Minio::Start(Minio::Protocol::kHttp).value();
  return *server;
}

class EraserTest : public ::testing::Test {
 protected:
  EraserTest()
      : bucket_("erase-" + std::to_string(++buckets_)), client_(MakeClient()) {
    EXPECT_TRUE(client_->CreateBucket(bucket_, {}, Soon()).ok());
    whole_ = s3::MakeObjectStore(client_, bucket_, "").value();
  }

  static std::shared_ptr<s3::S3Client> MakeClient() {
    s3::S3Config config;
    config.endpoint = Server().url();
    return s3::S3Client::Make(
               config, std::make_shared<s3::UpdatableCredentials>(
                           s3::Credentials{SecretString(Minio::kAccessKey),
                                           SecretString(Minio::kSecretKey),
                                           {}}))
        .value();
  }
  void Put(const std::string& key) {
    const auto put =
        whole_->Put(key, std::as_bytes(std::span("x", 1)), {}, Soon());
    ASSERT_TRUE(put.ok()) << put.error().message;
  }
  bool Exists(const std::string& key) { return whole_->Head(key, Soon()).ok(); }
  Status Configure(const char* what, const std::string& xml) {
    s3::Operation operation;
    operation.method = "PUT";
    operation.bucket = bucket_;
    operation.query = {{what, ""}};
    operation.body = xml;
    auto answer = client_->impl().Run(operation, Soon());
    if (!answer.ok()) return std::move(answer).error();
    return OkStatus();
  }
  Status EnableVersions() {
    return Configure("versioning",
                     "<VersioningConfiguration><Status>Enabled</Status>"
                     "</VersioningConfiguration>");
  }
  /// @return how many were removed, or the error.
  Result<std::uint64_t> Erase(const std::string& prefix) {
    s3::PrefixEraser eraser(client_, bucket_, prefix);
    std::uint64_t removed = 0;
    for (;;) {
      DS_ASSIGN_OR_RETURN(const s3::EraseStep step, eraser.Step(Soon()));
      removed += step.removed;
      if (step.done) return removed;
    }
  }

  static inline int buckets_ = 0;
  const std::string bucket_;
  const std::shared_ptr<s3::S3Client> client_;
  std::shared_ptr<store::ObjectStore> whole_;
};

TEST_F(EraserTest, OnlyWhatIsBelowThePrefixGoes) {
  for (const char* key : {"team/", "team/a", "team/b/c",
                          "team/b/ d+%2F\xc3\xa9&<>", "team2/a", "a/team/b"}) {
    Put(key);
  }
  const auto removed = Erase("team/");
  ASSERT_TRUE(removed.ok()) << removed.error().message;
  EXPECT_EQ(*removed, 4u);
  for (const char* key : {"team2/a", "a/team/b"}) {
    EXPECT_TRUE(Exists(key)) << key;
  }
  EXPECT_EQ(Erase("team/").value(), 0u);
  EXPECT_EQ(client_->DeleteBucket(bucket_, Soon()).error().code,
            ErrorCode::kFailedPrecondition);
  EXPECT_EQ(Erase("").value(), 2u);
  EXPECT_TRUE(client_->DeleteBucket(bucket_, Soon()).ok());
  EXPECT_TRUE(client_->DeleteBucket(bucket_, Soon()).ok());
}

TEST_F(EraserTest, MoreThanOnePage) {
  for (int i = 0; i < 1001; ++i) Put("p/" + std::to_string(i));
  s3::PrefixEraser eraser(client_, bucket_, "p/");
  EXPECT_EQ(eraser.Step(Soon()).value().removed, 1000u);
  // Another process goes on.
  EXPECT_EQ(Erase("p/").value(), 1u);
}

TEST_F(EraserTest, VersionsAndDeleteMarkersGo) {
  ASSERT_TRUE(EnableVersions().ok());
  Put("p/a");
  Put("p/a");
  Put("p/b");
  ASSERT_TRUE(whole_->Delete("p/b", Soon()).ok());
  Put("other");
  const auto removed = Erase("p/");
  ASSERT_TRUE(removed.ok()) << removed.error().message;
  EXPECT_EQ(*removed, 4u);
  EXPECT_TRUE(Exists("other"));
  EXPECT_EQ(Erase("").value(), 1u);
  // A bucket with old versions is not empty.
  EXPECT_TRUE(client_->DeleteBucket(bucket_, Soon()).ok());
}

TEST_F(EraserTest, UnfinishedUploadsGo) {
  const auto id = whole_->CreateUpload("p/large", {}, Soon());
  ASSERT_TRUE(id.ok());
  const auto part = whole_->UploadPart(
      "p/large", *id, 1, std::as_bytes(std::span("x", 1)), Soon());
  ASSERT_TRUE(part.ok());
  // MinIO lists uploads by their whole key only.
  EXPECT_EQ(Erase("p/large").value(), 1u);
  const auto completed =
      whole_->CompleteUpload("p/large", *id, {*part}, {}, Soon());
  EXPECT_EQ(completed.error().code, ErrorCode::kNotFound);
}

TEST_F(EraserTest, WhatIsGoneIsNoError) {
  EXPECT_EQ(Erase("nothing/").value(), 0u);
  s3::PrefixEraser eraser(client_, "no-such-bucket", "");
  EXPECT_EQ(eraser.Step(Soon()).error().code, ErrorCode::kNotFound);
}

TEST_F(EraserTest, TagsOfABucket) {
  EXPECT_EQ(client_->BucketTag(bucket_, "made-for", Soon()).value(), "");
  ASSERT_TRUE(client_->TagBucket(bucket_, "made-for", "u-1", Soon()).ok());
  EXPECT_EQ(client_->BucketTag(bucket_, "made-for", Soon()).value(), "u-1");
  EXPECT_EQ(client_->BucketTag(bucket_, "other", Soon()).value(), "");
}

/// Retention: the deletion is refused, and that is told.
TEST_F(EraserTest, WhatIsHeldIsAnError) {
  s3::Operation make;
  make.method = "PUT";
  make.bucket = bucket_ + "-locked";
  make.headers = {{"x-amz-bucket-object-lock-enabled", "true"}};
  ASSERT_TRUE(client_->impl().Run(make, Soon()).ok());
  s3::Operation put;
  put.method = "PUT";
  put.bucket = make.bucket;
  put.key = "p/held";
  put.body = "x";
  put.headers = {{"x-amz-object-lock-legal-hold", "ON"},
                 {"Content-MD5", "ndTkYSaMgDT1yFZOFVxnpg=="}};  // Of "x".
  const auto held = client_->impl().Run(put, Soon());
  s3::PrefixEraser eraser(client_, make.bucket, "p/");
  const auto step = eraser.Step(Soon());
  ASSERT_TRUE(held.ok()) << held.error().message;
  ASSERT_FALSE(step.ok());
  EXPECT_THAT(step.error().message, HasSubstr("p/held"));
}

}  // namespace
}  // namespace datashim::integration
