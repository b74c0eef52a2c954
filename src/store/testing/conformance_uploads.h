// The part of the conformance suite about conditions, multipart uploads and
// copies.

#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "store/testing/conformance.h"

namespace datashim::store {

class ObjectStoreUploadTest : public ObjectStoreTest {
 protected:
  UploadedPart Upload(const std::string& key, const std::string& id,
                      std::uint32_t number, std::string_view text) {
    auto part = store_->UploadPart(key, id, number, AsBytes(text), Soon());
    EXPECT_TRUE(part.ok()) << part.error().message;
    return part.ok() ? *part : UploadedPart{};
  }

  std::string Start(const std::string& key) {
    auto id = store_->CreateUpload(key, {}, Soon());
    EXPECT_TRUE(id.ok()) << id.error().message;
    return id.ok() ? *id : std::string();
  }

  /// A part that is just large enough not to be the last.
  std::string FullPart(char fill) const {
    return std::string(GetParam().part_bytes_min, fill);
  }
};

TEST_P(ObjectStoreUploadTest, IfNoneMatchMakesAnObjectOnce) {
  Put("k", "first", {.if_none_match = true});
  const auto again =
      store_->Put("k", AsBytes("second"), {.if_none_match = true}, Soon());
  EXPECT_EQ(CodeOf(again), ErrorCode::kAlreadyExists);
  EXPECT_EQ(GetAll("k"), "first");
}

TEST_P(ObjectStoreUploadTest, PartsJoinInTheirOrder) {
  const std::string id = Start("dir/big");
  EXPECT_EQ(CodeOf(store_->Head("dir/big", Soon())), ErrorCode::kNotFound);
  const std::string first = FullPart('a');
  const std::string second = FullPart('b');
  const UploadedPart third = Upload("dir/big", id, 7, "tail");
  Upload("dir/big", id, 1, FullPart('x'));
  const UploadedPart part2 = Upload("dir/big", id, 2, second);
  const UploadedPart part1 = Upload("dir/big", id, 1, first);  // Replaces.

  const auto made =
      store_->CompleteUpload("dir/big", id, {part1, part2, third}, {}, Soon());
  ASSERT_TRUE(made.ok()) << made.error().message;
  EXPECT_EQ(made->key, "dir/big");
  EXPECT_EQ(made->size, first.size() + second.size() + 4);
  const auto head = store_->Head("dir/big", Soon());
  ASSERT_TRUE(head.ok());
  EXPECT_EQ(head->etag, made->etag);
  EXPECT_EQ(head->size, made->size);
  EXPECT_TRUE(GetAll("dir/big") == first + second + "tail");
}

TEST_P(ObjectStoreUploadTest, SmallPartsAreRefusedUnlessLast) {
  const std::string id = Start("k");
  const std::vector<UploadedPart> parts = {Upload("k", id, 1, "small"),
                                           Upload("k", id, 2, "last")};
  EXPECT_EQ(CodeOf(store_->CompleteUpload("k", id, parts, {}, Soon())),
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(store_->Head("k", Soon())), ErrorCode::kNotFound);
  EXPECT_TRUE(store_->AbortUpload("k", id, Soon()).ok());
}

TEST_P(ObjectStoreUploadTest, PartsThatWereNotUploadedAreRefused) {
  const std::string id = Start("k");
  const UploadedPart part = Upload("k", id, 1, "text");
  const UploadedPart forged = {1, "\"0123456789abcdef0123456789abcdef\""};
  for (const auto& parts :
       {std::vector<UploadedPart>{forged}, {part, {2, part.etag}}}) {
    EXPECT_EQ(CodeOf(store_->CompleteUpload("k", id, parts, {}, Soon())),
              ErrorCode::kInvalidArgument);
  }
  EXPECT_TRUE(store_->CompleteUpload("k", id, {part}, {}, Soon()).ok());
}

TEST_P(ObjectStoreUploadTest, AnAbortedUploadIsGone) {
  const std::string id = Start("k");
  const UploadedPart part = Upload("k", id, 1, "text");
  ASSERT_TRUE(store_->AbortUpload("k", id, Soon()).ok());
  EXPECT_TRUE(store_->AbortUpload("k", id, Soon()).ok());
  EXPECT_EQ(CodeOf(store_->UploadPart("k", id, 2, AsBytes("x"), Soon())),
            ErrorCode::kNotFound);
  EXPECT_EQ(CodeOf(store_->CompleteUpload("k", id, {part}, {}, Soon())),
            ErrorCode::kNotFound);
  EXPECT_EQ(CodeOf(store_->Head("k", Soon())), ErrorCode::kNotFound);
}

TEST_P(ObjectStoreUploadTest, CopiesHaveTheSameBytes) {
  const ObjectInfo source = Put("dir/a b+c", "some bytes");
  const auto copy =
      store_->Copy("dir/a b+c", source.etag, "dir2/\xc3\xa9", Soon());
  ASSERT_TRUE(copy.ok()) << copy.error().message;
  EXPECT_EQ(copy->key, "dir2/\xc3\xa9");
  EXPECT_EQ(copy->size, source.size);
  EXPECT_EQ(store_->Head("dir2/\xc3\xa9", Soon())->etag, copy->etag);
  EXPECT_EQ(GetAll("dir2/\xc3\xa9"), "some bytes");
  EXPECT_EQ(GetAll("dir/a b+c"), "some bytes");
  EXPECT_TRUE(store_->Copy("dir/a b+c", "", "third", Soon()).ok());
}

TEST_P(ObjectStoreUploadTest, OnlyTheVersionThatIsAskedForIsCopied) {
  const ObjectInfo first = Put("k", "first");
  Put("k", "other");
  EXPECT_EQ(CodeOf(store_->Copy("k", first.etag, "copy", Soon())),
            ErrorCode::kFailedPrecondition);
  EXPECT_EQ(CodeOf(store_->Copy("none", "", "copy", Soon())),
            ErrorCode::kNotFound);
  EXPECT_EQ(CodeOf(store_->Head("copy", Soon())), ErrorCode::kNotFound);
}

}  // namespace datashim::store
