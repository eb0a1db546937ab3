#include "session.hpp"

#include "app.hpp"

#include <nuncio/protocol/connect.hpp>
#include <nuncio/protocol/writer.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>

#include <csignal>
#include <iostream>

namespace nuncio::cli {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using event_kind = protocol::server_event::kind;

constexpr std::chrono::seconds connect_timeout{5};
constexpr std::chrono::seconds answer_timeout{10};
constexpr std::size_t send_at_once = 64UL * 1024;  ///< bytes that are worth a write

}  // namespace

session::session(const settings& set) : is_verbose_(set.verbose) {
  std::string reasons;
  for (const auto& server : set.servers) {
    address_ = protocol::address(server);
    boost::system::error_code error;
    try {
      connect(server);
    } catch (const boost::system::system_error& failed) {
      if (!reasons.empty()) reasons += "; ";
      reasons += address_ + ": " + failed.code().message();
      socket_.close(error);
      continue;
    }
    greet(server, set);
    return;
  }
  throw failure{exit_no_connection, "can't connect to " + reasons};
}

void session::connect(const protocol::server_url& server) {
  tcp::resolver resolver(io_);
  const auto endpoints = resolver.resolve(server.host, std::to_string(server.port));
  boost::system::error_code error = asio::error::host_not_found;
  for (const auto& entry : endpoints) {
    bool is_done = false;
    socket_ = tcp::socket(io_);
    socket_.async_connect(entry.endpoint(), [&](boost::system::error_code result) {
      error = result;
      is_done = true;
    });
    io_.restart();
    io_.run_one_for(connect_timeout);
    if (!is_done) {
      socket_.close();
      io_.run();  // the handler refers to this frame
      error = asio::error::timed_out;
    }
    if (error) continue;
    socket_.set_option(tcp::no_delay(true));
    return;
  }
  throw boost::system::system_error(error);
}

void session::greet(const protocol::server_url& server, const settings& set) {
  const auto deadline = clock::now() + answer_timeout;
  while (!has_info_) {
    if (!read_more(deadline)) lose("no INFO came in time");
  }
  if (info_.tls_required) lose("it requires TLS, which is not supported yet");

  protocol::connect_options options;
  options.verbose = false;
  options.pedantic = false;
  options.name = "nuncio CLI";
  options.lang = "nuncio-cli";
  options.version = NUNCIO_VERSION;
  options.protocol = 1;
  options.headers = info_.headers;
  options.no_responders = info_.headers;
  options.user = set.user.empty() ? server.user : set.user;
  options.pass = set.password.empty() ? server.pass : set.password;
  options.auth_token = set.token.empty() ? server.token : set.token;
  protocol::append_connect(output_, options);
  for (auto* secret : {&options.pass, &options.auth_token}) {
    if (!secret->empty()) *secret = "***";
  }
  trace(">>>", "CONNECT " + to_json(options));
  flush();
  if (was_refused_) lose("the server refused: " + refusal_);
}

void session::publish(std::string_view subject,
                      std::string_view reply,
                      std::string_view header_block,
                      std::string_view payload) {
  const auto size = header_block.size() + payload.size();
  if (info_.max_payload >= 0 && size > static_cast<std::uint64_t>(info_.max_payload)) {
    throw failure{exit_refused, "the message has " + std::to_string(size) +
                                    " bytes, the server takes no more than " +
                                    std::to_string(info_.max_payload)};
  }
  if (!header_block.empty() && !info_.headers) {
    throw failure{exit_refused, "the server doesn't support headers"};
  }
  std::string bytes;
  if (header_block.empty()) {
    protocol::append_pub(bytes, subject, reply, payload);
  } else {
    protocol::append_hpub(bytes, subject, reply, header_block, payload);
  }
  send_soon(bytes);
}

void session::subscribe(std::string_view subject,
                        std::string_view queue,
                        std::uint64_t max_messages) {
  std::string bytes;
  protocol::append_sub(bytes, subject, queue, ++last_sid_);
  send_soon(bytes);
  if (max_messages == 0) return;
  bytes.clear();
  protocol::append_unsub(bytes, last_sid_, max_messages);
  send_soon(bytes);
}

void session::unsubscribe_all() {
  for (std::uint64_t sid = 1; sid <= last_sid_; ++sid) {
    std::string bytes;
    protocol::append_unsub(bytes, sid);
    send_soon(bytes);
  }
}

void session::flush() {
  std::string bytes;
  protocol::append_ping(bytes);
  send_soon(bytes);
  ++pings_;
  send_now();
  const auto deadline = clock::now() + answer_timeout;
  while (pongs_ < pings_) {
    if (!read_more(deadline) && clock::now() >= deadline) lose("no PONG came in time");
  }
}

std::optional<message> session::next(std::optional<clock::time_point> deadline) {
  send_now();
  while (messages_.empty()) {
    if (is_drained_) return std::nullopt;
    if (is_stopped_) {
      is_drained_ = true;
      unsubscribe_all();
      flush();
    } else if (!read_more(deadline) && !is_stopped_) {
      return std::nullopt;
    }
  }
  auto first = std::move(messages_.front());
  messages_.pop_front();
  return first;
}

void session::stop_on_signal() {
  signals_.add(SIGINT);
  signals_.add(SIGTERM);
  signals_.async_wait([this](boost::system::error_code error, int) {
    if (error) return;
    is_stopped_ = true;
    signals_.clear();
  });
}

void session::send_soon(std::string_view bytes) {
  trace(">>>", bytes.substr(0, bytes.find('\r')));
  output_ += bytes;
  if (output_.size() >= send_at_once) send_now();
}

void session::send_now() {
  if (output_.empty()) return;
  boost::system::error_code error;
  asio::write(socket_, asio::buffer(output_), error);
  output_.clear();
  // What the server said before it closed tells more than a broken pipe.
  while (error) {
    if (!read_more(clock::now() + std::chrono::seconds(1))) lose(error.message());
  }
}

/// Waits for bytes and handles them. False if `deadline` passed, or a signal came while waiting.
bool session::read_more(std::optional<clock::time_point> deadline) {
  read_some();
  const bool was_stopped = is_stopped_;
  while (!arrived_ && is_stopped_ == was_stopped) {
    if (!deadline) {
      io_.run_one();
    } else if (io_.run_one_until(*deadline) == 0) {
      return false;
    }
  }
  if (!arrived_) return false;
  const auto size = *arrived_;
  arrived_.reset();
  if (read_error_ == asio::error::eof) lose("the server closed the connection");
  if (read_error_) lose(read_error_.message());
  parser_.feed({input_.data(), size});
  handle_events();
  return true;
}

/// Starts a read unless one is under way: it may outlive the call that waits for it.
void session::read_some() {
  if (is_reading_ || arrived_) return;
  is_reading_ = true;
  io_.restart();
  socket_.async_read_some(asio::buffer(input_),
                          [this](boost::system::error_code error, std::size_t size) {
                            is_reading_ = false;
                            read_error_ = error;
                            arrived_ = size;
                          });
}

void session::handle_events() {
  for (auto e = parser_.next(); e.what != event_kind::need_more; e = parser_.next()) handle(e);
  send_now();
}

void session::handle(const protocol::server_event& event) {
  const auto& m = event.message;
  if (is_verbose_) {
    std::string line(to_string(event.what));
    for (const auto part : {event.text, m.subject, m.sid, m.reply}) {
      if (!part.empty()) line += ' ' + std::string(part);
    }
    if (event.what == event_kind::message) {
      line += ' ' + std::to_string(m.header_block.size() + m.payload.size());
    }
    trace("<<<", line);
  }
  switch (event.what) {
    case event_kind::info: {
      auto info = protocol::parse_info(event.text);
      if (!info) lose("its INFO can't be read");
      info_ = *std::move(info);
      has_info_ = true;
      break;
    }
    case event_kind::message:
      messages_.push_back({std::string(m.subject), std::string(m.reply),
                           std::string(m.header_block), std::string(m.payload), clock::now()});
      break;
    case event_kind::ping:
      protocol::append_pong(output_);
      break;
    case event_kind::pong:
      ++pongs_;
      break;
    case event_kind::err:
      was_refused_ = true;
      refusal_ = event.text;
      note("the server says: " + refusal_);
      break;
    case event_kind::malformed:
      lose("what it sends can't be read: " + std::string(event.text));
    case event_kind::ok:
    case event_kind::need_more:
      break;
  }
}

void session::trace(std::string_view arrow, std::string_view text) const {
  if (is_verbose_) std::cerr << arrow << ' ' << text << '\n';
}

void session::lose(const std::string& why) const {
  // A refusal that ends the connection was shown already, and is the reason.
  throw failure{was_refused_ ? exit_refused : exit_no_connection, address_ + ": " + why};
}

}  // namespace nuncio::cli
