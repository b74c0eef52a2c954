#include "keeper/protocol.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace datashim::keeper {
namespace {

using ::testing::HasSubstr;

Request FullRequest() {
  Request request;
  request.id = 0x0123456789abcdef;
  request.operation = Operation::kCloseBacking;
  request.read_only = true;
  request.detach = true;
  request.readahead_kib = 1024;
  request.backing_id = -7;
  request.inode = 0xfedcba9876543210;
  request.volume_id = std::string(kVolumeIdBytesMax, 'v');
  request.location_id = std::string(kLocationIdBytesMax, 'l');
  request.target = "/" + std::string(kPathBytesMax - 1, 't');
  request.source = "/source";
  return request;
}

Reply FullReply() {
  Reply reply;
  reply.id = 7;
  reply.error = Error{ErrorCode::kUnauthenticated, "no"};
  reply.is_new = reply.has_state = reply.read_only = true;
  reply.backing_id = 12;
  reply.volume_id = "v";
  reply.location_id = "l";
  reply.target = "/t";
  return reply;
}

TEST(ProtocolTest, MessagesSurviveTheWay) {
  for (const Request& request : {Request(), FullRequest()}) {
    const auto parsed = ParseRequest(EncodeRequest(request).value());
    ASSERT_TRUE(parsed.ok()) << parsed.error().message;
    EXPECT_EQ(*parsed, request);
  }
  for (const Reply& reply : {Reply(), FullReply()}) {
    const auto parsed = ParseReply(EncodeReply(reply));
    ASSERT_TRUE(parsed.ok()) << parsed.error().message;
    EXPECT_EQ(*parsed, reply);
  }
}

TEST(ProtocolTest, TextThatDoesNotFitIsRefused) {
  Request request = FullRequest();
  request.volume_id += "v";
  EXPECT_THAT(EncodeRequest(request).error().message, HasSubstr("volume id"));
  request = FullRequest();
  request.location_id += "l";
  EXPECT_THAT(EncodeRequest(request).error().message, HasSubstr("location id"));
  request = FullRequest();
  request.target += "t";
  EXPECT_THAT(EncodeRequest(request).error().message, HasSubstr("path"));
  request = FullRequest();
  request.source = std::string("/a\0b", 4);
  EXPECT_FALSE(EncodeRequest(request).ok());
}

TEST(ProtocolTest, LongErrorsAreCut) {
  Reply reply;
  reply.error =
      Error{ErrorCode::kInternal, std::string(kErrorBytesMax + 9, 'e')};
  const auto parsed = ParseReply(EncodeReply(reply));
  EXPECT_EQ(parsed->error->message, std::string(kErrorBytesMax, 'e'));
}

TEST(ProtocolTest, AnotherVersionIsToldApart) {
  auto bytes = EncodeRequest(FullRequest()).value();
  bytes[4] = std::byte{9};
  // A message of another version may have another size.
  for (const std::size_t size : {std::size_t{8}, bytes.size()}) {
    const auto parsed = ParseRequest(std::span(bytes).first(size));
    ASSERT_FALSE(parsed.ok());
    EXPECT_EQ(parsed.error().code, ErrorCode::kFailedPrecondition);
    EXPECT_THAT(parsed.error().message, HasSubstr("version 9"));
  }
}

TEST(ProtocolTest, MalformedRequestsAreRefused) {
  const auto good = EncodeRequest(Request()).value();
  const std::pair<std::size_t, std::byte> changes[] = {
      {0, std::byte{0}},                    // magic
      {6, std::byte{0}},                    // operation 0
      {6, std::byte{99}},                   // unknown operation
      {16, std::byte{4}},                   // a flag of replies
      {19, std::byte{1}},                   // unknown flag
      {36, std::byte{1}},                   // reserved
      {40 + 5, std::byte{'x'}},             // volume id after its end
      {kRequestBytes - 1, std::byte{'x'}},  // source after its end
  };
  for (const auto& [offset, value] : changes) {
    auto bytes = good;
    bytes[offset] = value;
    const auto parsed = ParseRequest(bytes);
    ASSERT_FALSE(parsed.ok()) << offset;
    EXPECT_EQ(parsed.error().code, ErrorCode::kInvalidArgument) << offset;
  }
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{5}, kRequestBytes - 1}) {
    EXPECT_FALSE(ParseRequest(std::span(good).first(size)).ok()) << size;
  }
  std::vector<std::byte> longer(good.begin(), good.end());
  longer.push_back(std::byte{0});
  EXPECT_FALSE(ParseRequest(longer).ok());
}

TEST(ProtocolTest, MalformedRepliesAreRefused) {
  const auto good = EncodeReply(FullReply());
  const std::pair<std::size_t, std::byte> changes[] = {
      {6, std::byte{17}},                 // unknown code
      {16, std::byte{0x12}},              // unknown flag
      {kReplyBytes - 1, std::byte{'x'}},  // error after its end
  };
  for (const auto& [offset, value] : changes) {
    auto bytes = good;
    bytes[offset] = value;
    EXPECT_FALSE(ParseReply(bytes).ok()) << offset;
  }
}

// Chance comes from the seed alone: --gtest_random_seed=N replays a failure.
TEST(ProtocolTest, WhatParsesIsWhatCouldBeEncoded) {
  std::mt19937 random(
      static_cast<unsigned>(::testing::UnitTest::GetInstance()->random_seed()));
  const auto good = EncodeRequest(FullRequest()).value();
  int parsed_count = 0;
  for (int i = 0; i < 20'000; ++i) {
    auto bytes = good;
    for (auto change = random() % 3; change > 0; --change) {
      bytes[random() % bytes.size()] = static_cast<std::byte>(random());
    }
    const auto parsed = ParseRequest(bytes);
    if (!parsed.ok()) continue;
    ++parsed_count;
    ASSERT_EQ(EncodeRequest(*parsed).value(), bytes);
  }
  EXPECT_GT(parsed_count, 1000);
}

}  // namespace
}  // namespace datashim::keeper
