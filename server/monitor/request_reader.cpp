#include "request_reader.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/field.hpp>
#include <boost/beast/http/fields.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/verb.hpp>
#include <boost/optional/optional.hpp>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <utility>

namespace nuncio::server::monitor {
namespace {

namespace http = boost::beast::http;
using boost::system::error_code;

// A body that nobody wants.
struct no_body {
  struct value_type {};

  class reader {
   public:
    template <bool IsRequest, class Fields>
    reader(http::header<IsRequest, Fields>&, value_type&) {}

    void init(const boost::optional<std::uint64_t>&, error_code& failure) { failure = {}; }
    template <class Buffers>
    std::size_t put(const Buffers& from, error_code& failure) {
      failure = {};
      return boost::asio::buffer_size(from);
    }
    void finish(error_code& failure) { failure = {}; }
  };
};

std::string_view view(boost::beast::string_view text) noexcept {
  return {text.data(), text.size()};
}

unsigned status_of(const error_code& failure) {
  if (failure == http::error::header_limit) return 431;
  if (failure == http::error::body_limit) return 413;
  return 400;
}

std::string base_of(std::string_view path) {
  auto out = clean_path(path);
  if (out.ends_with('/')) out.pop_back();
  return out;
}

}  // namespace

struct request_reader::parsing {
  parsing() {
    by.eager(false);  // to look at the header before the body
    by.header_limit(static_cast<std::uint32_t>(longest_header));
    by.body_limit(longest_body);
  }
  [[nodiscard]] std::string_view field(http::field name) const { return view(by.get()[name]); }
  [[nodiscard]] std::size_t count(http::field name) const { return by.get().count(name); }
  [[nodiscard]] bool is_old() const { return by.is_header_done() && by.get().version() < 11; }

  http::request_parser<no_body> by;
};

request_reader::request_reader(std::string_view base_path)
    : base_path_(base_of(base_path)), buffer_(std::make_unique<char[]>(longest_header)) {
  begin();
}

request_reader::~request_reader() = default;

void request_reader::begin() {
  parsing_ = std::make_unique<parsing>();
  searched_ = 0;
}

bool request_reader::is_between() const noexcept {
  return size_ == 0 && !parsing_->by.got_some();
}

std::span<char> request_reader::room() noexcept {
  return {buffer_.get() + size_, longest_header - size_};
}

std::optional<received_request> request_reader::next(std::size_t received) {
  size_ += received;
  auto out = parse();
  if (out && out->form.keeps_alive) begin();
  return out;
}

std::optional<received_request> request_reader::parse() {
  auto& by = parsing_->by;
  if (!by.is_header_done()) {
    if (has_bad_line()) return refuse(400);
    if (!has_header()) return room().empty() ? std::optional(refuse(431)) : std::nullopt;
  }
  while (size_ > 0 && !by.is_done()) {
    error_code failure;
    const auto taken = by.put(boost::asio::buffer(buffer_.get(), size_), failure);
    consume(taken);
    if (failure == http::error::need_more || (!failure && taken == 0)) break;
    if (failure) return refuse(status_of(failure));
    // Who waits for leave to send a body doesn't get it: the answer needs none.
    if (!parsing_->field(http::field::expect).empty()) return complete();
    by.eager(true);
  }
  if (by.is_done()) return complete();
  return room().empty() ? std::optional(refuse(400)) : std::nullopt;
}

// Said as soon as the line is there: who speaks another protocol may never send an empty one.
bool request_reader::has_bad_line() const noexcept {
  constexpr std::string_view version = "HTTP/1.x\r\n";
  const auto line = received().substr(0, received().find('\n') + 1);
  if (line.empty()) return false;
  return line.size() < version.size() || !line.ends_with("\r\n") ||
         !line.substr(line.size() - version.size()).starts_with("HTTP/1.");
}

// Beast sees a header at once: given parts, it finds some mistakes at other times than in a whole.
bool request_reader::has_header() noexcept {
  constexpr std::string_view end = "\r\n\r\n";
  const bool is_there = received().find(end, searched_) != std::string_view::npos;
  searched_ = is_there || size_ < end.size() ? 0 : size_ - end.size() + 1;
  return is_there;
}

void request_reader::consume(std::size_t count) noexcept {
  std::memmove(buffer_.get(), buffer_.get() + count, size_ - count);
  size_ -= count;
}

received_request request_reader::complete() const {
  const auto& from = parsing_->by.get();
  const auto hosts = parsing_->count(http::field::host);
  if (hosts == 0 && !parsing_->is_old()) {
    return refuse(400, "400 Bad Request: missing required Host header");
  }
  if (hosts > 1) return refuse(400);
  // Nobody knows where its body ends.
  if (parsing_->count(http::field::transfer_encoding) > 0 && !parsing_->by.chunked()) {
    return refuse(501);
  }
  const auto expected = parsing_->field(http::field::expect);
  if (!expected.empty() &&
      !boost::beast::iequals({expected.data(), expected.size()}, "100-continue")) {
    return refuse(417);
  }
  received_request out;
  auto routed = route(view(from.target()), base_path_);
  if (auto* const answer = std::get_if<http_response>(&routed)) {
    out.answer = std::move(*answer);
  } else {
    out.asked = std::move(std::get<http_request>(routed));
  }
  out.asked.method = view(from.method_string());
  out.asked.accept = parsing_->field(http::field::accept);
  out.is_complete = expected.empty();
  out.form = {out.is_complete && from.keep_alive(), parsing_->is_old()};
  out.wants_body = from.method() != http::verb::head;
  return out;
}

received_request request_reader::refuse(unsigned status, std::string text) const {
  received_request out;
  out.answer = plain_answer(status, std::move(text));
  out.form = {false, parsing_->is_old()};
  out.is_complete = false;
  return out;
}

}  // namespace nuncio::server::monitor
