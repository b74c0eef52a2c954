#include "fuse/decode.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "fuse/protocol.h"

namespace datashim::fuse {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;
using wire::Opcode;

template <typename T>
std::string Bytes(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof(value)};
}

std::string Message(Opcode opcode, const std::string& body,
                    std::uint64_t nodeid = 7) {
  wire::InHeader header{};
  header.len = static_cast<std::uint32_t>(sizeof(header) + body.size());
  header.opcode = static_cast<std::uint32_t>(opcode);
  header.unique = 42;
  header.nodeid = nodeid;
  header.uid = 1000;
  header.gid = 1001;
  return Bytes(header) + body;
}

Result<Request> Decode(const std::string& message) {
  return DecodeRequest(std::as_bytes(std::span(message)));
}

/// The body of a message that must decode to a T. The message must outlive it.
template <typename T>
T BodyOf(const std::string& message) {
  auto request = Decode(message);
  EXPECT_TRUE(request.ok()) << request.error().message;
  if (!request.ok()) return T{};
  const T* body = std::get_if<T>(&request->body);
  EXPECT_NE(body, nullptr);
  return body != nullptr ? std::move(*body) : T{};
}

std::string Name(std::string_view name) { return std::string(name) + '\0'; }

TEST(DecodeTest, HeaderSaysWhoAsksForWhat) {
  const std::string message = Message(Opcode::kGetattr, Bytes(wire::ReadIn{}));
  const auto request = Decode(message);
  ASSERT_TRUE(request.ok());
  EXPECT_EQ(request->unique, 42u);
  EXPECT_EQ(request->inode, 7u);
  EXPECT_EQ(request->caller.uid, 1000u);
  EXPECT_EQ(request->caller.gid, 1001u);
}

TEST(DecodeTest, NamesEndAtTheZeroByte) {
  const std::string lookup = Message(Opcode::kLookup, Name("weights.bin"));
  EXPECT_EQ(BodyOf<request::LookUp>(lookup).name, "weights.bin");

  wire::CreateIn create{};
  create.flags = O_RDWR | O_EXCL | O_APPEND;
  create.mode = S_IFREG | 0640;
  const std::string message =
      Message(Opcode::kCreate, Bytes(create) + Name("a b"));
  const auto body = BodyOf<request::Create>(message);
  EXPECT_EQ(body.name, "a b");
  EXPECT_EQ(body.mode, 0640u);
  EXPECT_TRUE(body.flags.read && body.flags.write && body.flags.exclusive &&
              body.flags.append);
  EXPECT_FALSE(body.flags.truncate);
}

TEST(DecodeTest, RenameHasTwoNames) {
  wire::Rename2In in{};
  in.newdir = 9;
  in.flags = 1;
  const std::string message =
      Message(Opcode::kRename2, Bytes(in) + Name("old") + Name("new"));
  const auto body = BodyOf<request::Rename>(message);
  EXPECT_EQ(body.name, "old");
  EXPECT_EQ(body.new_name, "new");
  EXPECT_EQ(body.new_parent, 9u);
  EXPECT_EQ(body.flags, 1u);

  const std::string old = Message(
      Opcode::kRename, Bytes(wire::RenameIn{8}) + Name("x") + Name("y"));
  EXPECT_EQ(BodyOf<request::Rename>(old).new_parent, 8u);
  EXPECT_EQ(BodyOf<request::Rename>(old).flags, 0u);
}

TEST(DecodeTest, OpenFlagsAreThoseOfOpen) {
  const struct {
    int flags;
    bool read, write, truncate;
  } cases[] = {{O_RDONLY, true, false, false},
               {O_WRONLY, false, true, false},
               {O_RDWR, true, true, false},
               {O_WRONLY | O_TRUNC, false, true, true}};
  for (const auto& test : cases) {
    wire::OpenIn in{};
    in.flags = static_cast<std::uint32_t>(test.flags);
    const auto flags =
        BodyOf<request::Open>(Message(Opcode::kOpen, Bytes(in))).flags;
    EXPECT_EQ(flags.read, test.read) << test.flags;
    EXPECT_EQ(flags.write, test.write) << test.flags;
    EXPECT_EQ(flags.truncate, test.truncate) << test.flags;
  }
}

TEST(DecodeTest, WriteCarriesItsData) {
  wire::WriteIn in{};
  in.fh = 5;
  in.offset = 1 << 20;
  in.size = 4;
  in.lock_owner = 77;
  const std::string anonymous = Message(Opcode::kWrite, Bytes(in) + "data");
  EXPECT_EQ(BodyOf<request::Write>(anonymous).owner, 0u);
  in.write_flags = wire::kWriteLockOwner;
  const std::string message = Message(Opcode::kWrite, Bytes(in) + "data");
  const auto body = BodyOf<request::Write>(message);
  EXPECT_EQ(body.handle, 5u);
  EXPECT_EQ(body.offset, 1u << 20);
  EXPECT_EQ(body.owner, 77u);
  ASSERT_EQ(body.data.size(), 4u);
  EXPECT_EQ(std::memcmp(body.data.data(), "data", 4), 0);
}

TEST(DecodeTest, SetAttributesTakesWhatIsMarkedOnly) {
  wire::SetattrIn in{};
  in.size = 10;
  in.mode = S_IFREG | 0755;
  in.uid = 3;
  in.mtime = 100;
  in.mtimensec = 5;
  in.fh = 6;
  in.valid = wire::kSetMode | wire::kSetMtime;
  auto body =
      BodyOf<request::SetAttributes>(Message(Opcode::kSetattr, Bytes(in)));
  EXPECT_EQ(body.change.mode, 0755u);
  EXPECT_EQ(body.change.modified,
            WallTime(std::chrono::nanoseconds(100'000'000'005)));
  EXPECT_FALSE(body.change.size || body.change.uid || body.change.gid ||
               body.change.handle || body.modified_now);

  in.valid = wire::kSetSize | wire::kSetFh | wire::kSetUid | wire::kSetGid |
             wire::kSetMtime | wire::kSetMtimeNow;
  body = BodyOf<request::SetAttributes>(Message(Opcode::kSetattr, Bytes(in)));
  EXPECT_EQ(body.change.size, 10u);
  EXPECT_EQ(body.change.handle, 6u);
  EXPECT_EQ(body.change.uid, 3u);
  EXPECT_EQ(body.change.gid, 0u);
  EXPECT_TRUE(body.modified_now);
  EXPECT_FALSE(body.change.modified || body.change.mode);

  in.valid = wire::kSetMtime;
  in.mtime = static_cast<std::uint64_t>(-1);  // One second before 1970.
  body = BodyOf<request::SetAttributes>(Message(Opcode::kSetattr, Bytes(in)));
  EXPECT_EQ(body.change.modified,
            WallTime(std::chrono::nanoseconds(-999'999'995)));
}

TEST(DecodeTest, ForgetsAreCounted) {
  const std::string one =
      Message(Opcode::kForget, Bytes(wire::ForgetIn{3}), 11);
  EXPECT_THAT(BodyOf<request::Forget>(one).lookups, ElementsAre(Pair(11, 3)));
  const std::string two =
      Message(Opcode::kBatchForget, Bytes(wire::BatchForgetIn{2, 0}) +
                                        Bytes(wire::ForgetOne{5, 1}) +
                                        Bytes(wire::ForgetOne{6, 9}));
  EXPECT_THAT(BodyOf<request::Forget>(two).lookups,
              ElementsAre(Pair(5, 1), Pair(6, 9)));
}

TEST(DecodeTest, HandlesAndOffsets) {
  wire::ReadIn read{};
  read.fh = 4;
  read.offset = 4096;
  read.size = kRequestBytesMax;
  const auto file = BodyOf<request::Read>(Message(Opcode::kRead, Bytes(read)));
  EXPECT_EQ(file.handle, 4u);
  EXPECT_EQ(file.range, (store::ByteRange{4096, kRequestBytesMax}));
  for (const bool plus : {false, true}) {
    const auto directory = BodyOf<request::ReadDirectory>(
        Message(plus ? Opcode::kReaddirplus : Opcode::kReaddir, Bytes(read)));
    EXPECT_EQ(directory.handle, 4u);
    EXPECT_EQ(directory.offset, 4096u);
    EXPECT_EQ(directory.bytes_max, kRequestBytesMax);
    EXPECT_EQ(directory.plus, plus);
  }
  wire::ReleaseIn release{};
  release.fh = 8;
  release.lock_owner = 21;
  const std::string body = Bytes(release);
  EXPECT_EQ(BodyOf<request::Release>(Message(Opcode::kRelease, body)).handle,
            8u);
  EXPECT_EQ(
      BodyOf<request::ReleaseDirectory>(Message(Opcode::kReleasedir, body))
          .handle,
      8u);
  const auto flush = BodyOf<request::Flush>(Message(Opcode::kFlush, body));
  EXPECT_EQ(flush.handle, 8u);
  EXPECT_EQ(flush.owner, 21u);
  EXPECT_EQ(BodyOf<request::Interrupt>(
                Message(Opcode::kInterrupt, Bytes(wire::InterruptIn{99})))
                .unique,
            99u);
}

TEST(DecodeTest, InitOfOldKernelsIsShort) {
  wire::InitIn in{};
  in.major = 7;
  in.minor = 45;
  in.flags = wire::kInitExt | wire::kAsyncRead;
  in.flags2 = 1u << 7;
  auto body = BodyOf<request::Init>(Message(Opcode::kInit, Bytes(in)));
  EXPECT_EQ(body.minor, 45u);
  EXPECT_EQ(body.flags, wire::kInitExt | wire::kAsyncRead | wire::kHasResend);
  // Without INIT_EXT flags2 means nothing.
  in.flags = wire::kAsyncRead;
  body = BodyOf<request::Init>(Message(Opcode::kInit, Bytes(in)));
  EXPECT_EQ(body.flags, wire::kAsyncRead);
  in.minor = 31;
  body = BodyOf<request::Init>(Message(Opcode::kInit, Bytes(in).substr(0, 16)));
  EXPECT_EQ(body.minor, 31u);
  EXPECT_EQ(body.flags, wire::kAsyncRead);
}

TEST(DecodeTest, UnknownOpcodesAreUnsupported) {
  for (const int opcode : {0, 5, 7, 21, 34, 46, 52, 4096, 1 << 30}) {
    BodyOf<request::Unsupported>(
        Message(static_cast<Opcode>(opcode), "whatever"));
  }
}

TEST(DecodeErrorTest, SaysWhatIsWrong) {
  wire::ReadIn huge{};
  huge.size = kRequestBytesMax + 1;
  wire::ReadIn far{};
  far.offset = UINT64_MAX;
  far.size = 1;
  wire::WriteIn write{};
  write.size = 5;
  wire::SetattrIn time{};
  time.valid = wire::kSetMtime;
  time.mtime = std::uint64_t{1} << 62;
  wire::SetattrIn nanoseconds{};
  nanoseconds.valid = wire::kSetMtime;
  nanoseconds.mtimensec = 1'000'000'000;
  const std::pair<std::string, const char*> cases[] = {
      {"", "header is short"},
      {Message(Opcode::kGetattr, "").substr(0, 39), "header is short"},
      {Message(Opcode::kLookup, Name("a")) + "b", "length in the header"},
      {Message(Opcode::kLookup, "abc"), "no end"},
      {Message(Opcode::kLookup, Name("")), "empty"},
      {Message(Opcode::kLookup, Name("a/b")), "has a /"},
      {Message(Opcode::kLookup, ""), "no end"},
      {Message(Opcode::kRename, Bytes(wire::RenameIn{1}) + Name("a")),
       "no end"},
      {Message(Opcode::kOpen, "1234567"), "short"},
      {Message(Opcode::kInit, "123456789012345"), "short"},
      {Message(Opcode::kRead, Bytes(huge)), "negotiated"},
      {Message(Opcode::kReaddirplus, Bytes(huge)), "negotiated"},
      {Message(Opcode::kRead, Bytes(far)), "out of range"},
      {Message(Opcode::kWrite, Bytes(write) + "four"), "size is wrong"},
      {Message(Opcode::kWrite, Bytes(write) + "sixsix"), "size is wrong"},
      {Message(Opcode::kSetattr, Bytes(time)), "out of range"},
      {Message(Opcode::kSetattr, Bytes(nanoseconds)), "out of range"},
      {Message(Opcode::kBatchForget,
               Bytes(wire::BatchForgetIn{2, 0}) + Bytes(wire::ForgetOne{1, 1})),
       "count is wrong"},
      {Message(Opcode::kBatchForget, Bytes(wire::BatchForgetIn{0xffffffff, 0})),
       "count is wrong"},
  };
  for (const auto& [message, why] : cases) {
    const auto request = Decode(message);
    ASSERT_FALSE(request.ok()) << why;
    EXPECT_EQ(request.error().code, ErrorCode::kInvalidArgument);
    EXPECT_THAT(request.error().message, HasSubstr(why));
  }
}

TEST(DecodeErrorTest, NoAnswerForForgets) {
  const auto unique = [](const std::string& message) {
    return UniqueToAnswer(std::as_bytes(std::span(message)));
  };
  EXPECT_EQ(unique(Message(Opcode::kLookup, "")), 42u);
  EXPECT_EQ(unique(Message(Opcode::kForget, "")), std::nullopt);
  EXPECT_EQ(unique(Message(Opcode::kBatchForget, "")), std::nullopt);
  EXPECT_EQ(unique(Message(Opcode::kInterrupt, "")), std::nullopt);
  EXPECT_EQ(unique("short"), std::nullopt);
}

// Any bytes are decoded or refused; the sanitizer builds look at how.
TEST(DecodeErrorTest, SurvivesRandomBytes) {
  const int seed = ::testing::UnitTest::GetInstance()->random_seed();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(static_cast<unsigned>(seed));
  for (int i = 0; i < 20'000; ++i) {
    std::string body(random() % 120, '\0');
    for (char& c : body) c = static_cast<char>(random() % 4 ? random() : 0);
    const std::string message =
        Message(static_cast<Opcode>(random() % 54), body);
    // A copy of exact size, so that a read beyond the end is seen.
    const std::vector<char> exact(message.begin(), message.end());
    const auto request = DecodeRequest(std::as_bytes(std::span(exact)));
    EXPECT_TRUE(!request.ok() || request->unique == 42);
  }
}

}  // namespace
}  // namespace datashim::fuse
