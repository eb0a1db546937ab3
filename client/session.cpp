#include "session.hpp"

#include "credentials.hpp"

#include <nuncio/protocol/connect.hpp>
#include <nuncio/protocol/writer.hpp>

#include <algorithm>
#include <array>
#include <utility>

namespace nuncio::client {
namespace {

using boost::system::error_code;
using kind = protocol::server_event::kind;

constexpr char lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool starts_with_any_case(std::string_view text, std::string_view prefix) noexcept {
  return text.size() >= prefix.size() &&
         std::equal(prefix.begin(), prefix.end(), text.begin(),
                    [](char a, char b) { return lower(a) == lower(b); });
}

struct err_row {
  std::string_view text;  // how it begins
  errc means;
  bool closes;
};

// Source: NATS client protocol, section 18. Of what isn't listed, the server closes.
constexpr std::array err_rows{
    err_row{"Permissions Violation", errc::permission, false},
    err_row{"Invalid Subject", errc::bad_subject, false},
    err_row{"Invalid Publish Subject", errc::bad_subject, false},
    err_row{"maximum subscriptions exceeded", errc::refused, false},
    err_row{"Stale Connection", errc::stale, true},
    err_row{"maximum connections exceeded", errc::server_full, true},
    err_row{"maximum account active connections exceeded", errc::server_full, true},
    err_row{"Connection throttling is active", errc::server_full, true},
    err_row{"Authorization Violation", errc::authorization, true},
    err_row{"Authentication Timeout", errc::authorization, true},
    err_row{"User Authentication", errc::authorization, true},
    err_row{"Account Authentication", errc::authorization, true},
    err_row{"Secure Connection - TLS Required", errc::tls_required, true},
};

err_row meaning_of(std::string_view text) noexcept {
  for (const auto& row : err_rows) {
    if (starts_with_any_case(text, row.text)) return row;
  }
  return {text, errc::refused, true};
}

}  // namespace

void session::begin(const protocol::server_url& server, credentials who, security how) {
  server_ = server;
  security_ = how;
  who_ = std::move(who);
  phase_ = phase::awaits_info;
  info_ = {};
  output_.clear();
  error_.clear();
  error_text_.clear();
  heard_ = false;
  pings_out_ = 0;
  pings_ = pongs_ = 0;
}

void session::end() noexcept {
  phase_ = phase::none;
  output_.clear();
}

session::step session::handle(const protocol::server_event& event, time now) {
  heard_ = true;
  switch (event.what) {
    case kind::message:
      if (phase_ == phase::open) book_.deliver(event.message);
      return step::go_on;
    case kind::ping:
      protocol::append_pong(output_);
      return step::go_on;
    case kind::malformed:
      return lose(errc::protocol, event.text);
    case kind::err:
      return on_err(event.text);
    case kind::info:
      return on_info(event.text);
    case kind::pong:
      if (phase_ == phase::awaits_info) return lose(errc::protocol, "PONG came before INFO");
      pings_out_ = 0;
      ++pongs_;
      if (phase_ == phase::open) {
        events_.on_pong(pongs_);
        return step::go_on;
      }
      phase_ = phase::open;
      next_ping_ = now + set_.ping_interval;
      return step::opened;
    case kind::ok:
    case kind::need_more:
      break;
  }
  return step::go_on;
}

session::step session::on_info(std::string_view json) {
  auto info = protocol::parse_info(json);
  if (!info) return lose(errc::protocol, "INFO isn't a JSON object");
  info_ = *std::move(info);
  if (phase_ != phase::awaits_info) {
    if (phase_ == phase::open) events_.on_info(info_);
    return step::go_on;
  }
  if (security_ == security::settled) return say_hello(false);
  if (security_ == security::demanded && !info_.tls_required && !info_.tls_available) {
    return lose(errc::tls_unavailable);
  }
  if (security_ == security::if_required && !info_.tls_required) return say_hello(false);
  phase_ = phase::awaits_tls;
  return step::secure;
}

session::step session::secured() {
  return say_hello(true);
}

session::step session::say_hello(bool uses_tls) {
  protocol::connect_options hello;
  hello.tls_required = uses_tls;
  hello.verbose = false;
  hello.pedantic = false;
  hello.echo = set_.echo;
  hello.name = set_.name;
  hello.lang = "nuncio";
  hello.version = NUNCIO_VERSION;
  hello.protocol = 1;
  hello.headers = info_.headers;
  hello.no_responders = info_.headers;
  const auto who = std::exchange(who_, {});
  if (const auto error = say_credentials(who, info_.nonce, hello)) return lose(error);
  if (!server_.user.empty() || !server_.token.empty()) {
    hello.user = server_.user;
    hello.pass = server_.pass;
    hello.auth_token = server_.token;
  }
  protocol::append_connect(output_, hello);
  protocol::append_ping(output_);
  ++pings_;
  phase_ = phase::awaits_pong;
  return step::go_on;
}

session::step session::on_err(std::string_view text) {
  const auto row = meaning_of(text);
  if (row.closes || phase_ != phase::open) return lose(row.means, text);
  if (starts_with_any_case(text, "Permissions Violation for Subscription")) {
    book_.refuse(text);
  }
  events_.on_complaint(row.means, text);
  return step::go_on;
}

std::optional<session::time> session::next_timer() const noexcept {
  if (phase_ != phase::open) return std::nullopt;
  return next_ping_;
}

session::step session::on_timer(time now) {
  if (phase_ != phase::open || now < next_ping_) return step::go_on;
  next_ping_ = now + set_.ping_interval;
  if (std::exchange(heard_, false)) {
    pings_out_ = 0;
    return step::go_on;
  }
  if (pings_out_ >= set_.max_pings_out) return lose(errc::stale);
  ++pings_out_;
  note_ping();
  protocol::append_ping(output_);
  return step::go_on;
}

std::string session::take_output() {
  return std::exchange(output_, {});
}

session::step session::lose(error_code why, std::string_view text) {
  error_ = why;
  error_text_ = text;
  return step::lost;
}

}  // namespace nuncio::client
