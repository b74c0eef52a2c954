// Sources over loopback and over a store: the same bytes in any order, errors
// told apart.

#include "archive/byte_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>

#include "base/strings.h"
#include "net/http_server.h"
#include "net/testing/scripted_server.h"
#include "store/testing/memory_store.h"

namespace datashim::archive {
namespace {

using ::testing::HasSubstr;

std::string Content(std::size_t bytes) {
  std::string content(bytes, '\0');
  for (std::size_t i = 0; i < bytes; ++i) {
    content[i] = static_cast<char>('a' + i * 7 % 26);
  }
  return content;
}

Result<std::string> ReadAll(ByteSource& source) {
  std::string all;
  while (true) {
    DS_ASSIGN_OR_RETURN(const auto bytes, source.Next());
    if (bytes.empty()) return all;
    all.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
}

/// A web server with one file behind "/file".
class FileServer {
 public:
  explicit FileServer(std::string content) : content_(std::move(content)) {
    server_ = net::HttpServer::Start({}, [this](const auto& request) {
                return Answer(request);
              }).value();
  }

  std::string Url(const std::string& path = "/file") const {
    return "http://127.0.0.1:" + std::to_string(server_->port()) + path;
  }

  std::atomic<bool> knows_ranges = true;
  std::atomic<bool> changed = false;  ///< The file has another version.
  std::atomic<int> failures = 0;      ///< The next answers are 503.
  std::atomic<int> requests = 0;

 private:
  net::HttpResponse Answer(const net::HttpRequest& request) {
    ++requests;
    net::HttpResponse response;
    if (request.path == "/loop" || request.path == "/moved") {
      response.status = 302;
      response.headers.Add("Location",
                           request.path == "/loop" ? "/loop" : "/file");
      return response;
    }
    if (request.path != "/file") {
      response.status = request.path == "/secret" ? 403 : 404;
      return response;
    }
    if (failures > 0) {
      --failures;
      response.status = 503;
      return response;
    }
    const std::string etag = changed ? "\"v2\"" : "\"v1\"";
    const auto wanted = request.headers.Get("If-Match");
    if (!wanted.empty() && wanted != etag) {
      response.status = 412;
      return response;
    }
    response.status = 200;
    response.body = content_;
    std::string_view range = request.headers.Get("Range");
    if (!knows_ranges || range.empty()) return response;
    range.remove_prefix(std::string_view("bytes=").size());
    const auto parts = Split(range, '-');
    const auto from =
        static_cast<std::size_t>(*ParseInt(parts[0], 0, INT64_MAX));
    const auto to = static_cast<std::size_t>(*ParseInt(parts[1], 0, INT64_MAX));
    response.status = 206;
    response.body = content_.substr(from, to - from + 1);
    response.headers.Add("ETag", etag);
    response.headers.Add("Content-Range", "bytes " + std::string(range) + "/" +
                                              std::to_string(content_.size()));
    return response;
  }

  const std::string content_;
  std::unique_ptr<net::HttpServer> server_;
};

Result<std::unique_ptr<ByteSource>> Open(const std::string& url) {
  return OpenWeb(url, {}, {});
}

TEST(WebSourceTest, RangesInOrderAndInAnyOrder) {
  const std::string content = Content(3'000'000);
  FileServer server(content);
  const auto source = Open(server.Url()).value();
  EXPECT_TRUE(source->seekable());
  EXPECT_EQ(source->size(), content.size());
  EXPECT_EQ(*ReadAll(*source), content);
  for (const std::size_t offset : {2'999'999u, 0u, 1'000'000u, 3'000'000u}) {
    source->Seek(offset);
    EXPECT_EQ(*ReadAll(*source), content.substr(offset)) << offset;
  }
}

TEST(WebSourceTest, AServerWithoutRangesIsReadInOneGo) {
  const std::string content = Content(20'000'000);
  FileServer server(content);
  server.knows_ranges = false;
  const auto source = Open(server.Url()).value();
  EXPECT_FALSE(source->seekable());
  EXPECT_EQ(*ReadAll(*source), content);
}

TEST(WebSourceTest, ASourceThatIsNotReadToItsEndEnds) {
  FileServer server(Content(20'000'000));
  server.knows_ranges = false;
  const auto source = Open(server.Url()).value();
  ASSERT_TRUE(source->Next().ok());
}

TEST(WebSourceTest, EmptyFiles) {
  for (const bool ranges : {true, false}) {
    FileServer server("");
    server.knows_ranges = ranges;
    const auto source = Open(server.Url());
    ASSERT_TRUE(source.ok()) << source.error().message;
    EXPECT_EQ(*ReadAll(**source), "");
  }
}

TEST(WebSourceTest, RedirectsAreFollowedAndEnd) {
  FileServer server("content");
  EXPECT_EQ(*ReadAll(*Open(server.Url("/moved")).value()), "content");
  const auto loop = Open(server.Url("/loop"));
  ASSERT_FALSE(loop.ok());
  EXPECT_THAT(loop.error().message, HasSubstr("5 redirects"));
}

TEST(WebSourceTest, ErrorsAreToldApart) {
  FileServer server("content");
  EXPECT_EQ(Open(server.Url("/none")).error().code, ErrorCode::kNotFound);
  const auto refused = Open(server.Url("/secret?signature=hush"));
  EXPECT_EQ(refused.error().code, ErrorCode::kPermissionDenied);
  EXPECT_EQ(refused.error().message.find("hush"), std::string::npos);
}

TEST(WebSourceTest, AChangeInBetweenIsNoMix) {
  FileServer server(Content(3'000'000));
  const auto source = Open(server.Url()).value();
  ASSERT_TRUE(source->Next().ok());
  server.changed = true;
  const auto rest = ReadAll(*source);
  ASSERT_FALSE(rest.ok());
  EXPECT_EQ(rest.error().code, ErrorCode::kAborted);
}

TEST(WebSourceTest, ARangeThatFailsIsTriedAgain) {
  const std::string content = Content(600'000);
  FileServer server(content);
  const auto source = Open(server.Url()).value();
  server.failures = 2;
  EXPECT_EQ(*ReadAll(*source), content);
}

TEST(WebSourceTest, ABrokenStreamIsAnErrorAndNoEnd) {
  net::ScriptedServer server([](net::ScriptedConnection& peer, int) {
    peer.ReadRequest();
    peer.Send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nonly this");
  });
  const auto source =
      Open("http://127.0.0.1:" + std::to_string(server.port()) + "/x").value();
  const auto all = ReadAll(*source);
  ASSERT_FALSE(all.ok());
  EXPECT_EQ(all.error().code, ErrorCode::kUnavailable) << all.error().message;
}

TEST(ObjectSourceTest, OneVersionOfAnObject) {
  const auto store = std::make_shared<store::MemoryStore>();
  const std::string content = Content(1'500'000);
  store->PutText("dir/a.tar", content);
  const auto source = OpenObject(store, "dir/a.tar").value();
  EXPECT_EQ(source->size(), content.size());
  EXPECT_EQ(*ReadAll(*source), content);
  source->Seek(0);
  store->PutText("dir/a.tar", Content(2'000'000));
  const auto again = ReadAll(*source);
  ASSERT_FALSE(again.ok());
  EXPECT_EQ(again.error().code, ErrorCode::kAborted);
  EXPECT_EQ(OpenObject(store, "none").error().code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace datashim::archive
