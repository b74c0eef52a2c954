#include "net/response_parser.h"

#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/optional.hpp>
#include <string>
#include <utility>

namespace datashim::net {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using boost::beast::error_code;
// Beast's own string_view is Boost's.
using BeastText = boost::beast::string_view;

class ResponseParser::Impl final : public http::basic_parser<false> {
 public:
  Impl(std::size_t header_bytes_max, bool to_head) {
    header_limit(static_cast<std::uint32_t>(header_bytes_max));
    body_limit(boost::none);
    skip(to_head);
  }

  Result<std::size_t> Put(std::string_view bytes) {
    error_code error;
    const std::size_t taken =
        put(asio::const_buffer(bytes.data(), bytes.size()), error);
    if (body_error_) return *std::exchange(body_error_, std::nullopt);
    if (error && error != http::error::need_more) {
      return Error{ErrorCode::kUnavailable,
                   "the answer is no HTTP: " + error.message()};
    }
    return taken;
  }

  void FinishHead() {
    head_.keep_alive = keep_alive();
    if (is_done()) {
      head_.framing = BodyFraming::kNone;
    } else if (chunked()) {
      head_.framing = BodyFraming::kChunked;
    } else if (const auto length = content_length()) {
      head_.framing = BodyFraming::kLength;
      head_.length = *length;
    } else {
      head_.framing = BodyFraming::kUntilClose;
    }
  }

  ResponseHead head_;
  const OnBody* on_body_ = nullptr;

 private:
  void on_request_impl(http::verb, BeastText, BeastText, int,
                       error_code&) override {}
  void on_response_impl(int code, BeastText, int, error_code&) override {
    head_.status = code;
  }
  void on_field_impl(http::field, BeastText name, BeastText value,
                     error_code&) override {
    head_.headers.Add({name.data(), name.size()}, {value.data(), value.size()});
  }
  void on_header_impl(error_code&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>&,
                         error_code&) override {}
  std::size_t on_body_impl(BeastText body, error_code&) override {
    return body.size();
  }
  void on_chunk_header_impl(std::uint64_t, BeastText, error_code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, BeastText body,
                                 error_code& error) override {
    auto taken = (*on_body_)({body.data(), body.size()});
    if (!taken.ok()) {
      body_error_ = std::move(taken).error();
      error = http::error::body_limit;  // Any: it makes put() return.
      return 0;
    }
    return body.size();
  }
  void on_finish_impl(error_code&) override {}

  std::optional<Error> body_error_;
};

ResponseParser::ResponseParser(std::size_t header_bytes_max, bool to_head)
    : impl_(std::make_unique<Impl>(header_bytes_max, to_head)) {}
ResponseParser::~ResponseParser() = default;

Result<std::size_t> ResponseParser::ParseHead(std::string_view bytes) {
  auto taken = impl_->Put(bytes);
  if (taken.ok() && head_done()) impl_->FinishHead();
  return taken;
}

bool ResponseParser::head_done() const { return impl_->is_header_done(); }
const ResponseHead& ResponseParser::head() const { return impl_->head_; }
ResponseHead ResponseParser::TakeHead() { return std::move(impl_->head_); }

Result<std::size_t> ResponseParser::ParseChunks(std::string_view bytes,
                                                const OnBody& on_body) {
  // Not eager, so each call of put() ends after one piece: what stays in
  // `bytes` is given again until it takes nothing more.
  impl_->on_body_ = &on_body;
  std::size_t total = 0;
  while (total < bytes.size() && !body_done()) {
    DS_ASSIGN_OR_RETURN(const std::size_t taken,
                        impl_->Put(bytes.substr(total)));
    if (taken == 0) break;
    total += taken;
  }
  return total;
}

bool ResponseParser::body_done() const { return impl_->is_done(); }

}  // namespace datashim::net
