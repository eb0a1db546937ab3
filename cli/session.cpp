#include "session.hpp"

#include "app.hpp"

#include <nuncio/client/error.hpp>

#include <boost/asio/signal_set.hpp>
#include <boost/system/system_error.hpp>

#include <csignal>
#include <memory>
#include <utility>

namespace nuncio::cli {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using client::errc;

bool is_about_options(error_code error) {
  return error == errc::bad_options || error == errc::bad_credentials;
}

client::options heard_by(client::options set, std::function<void(const client::status&)> listener) {
  set.on_status = std::move(listener);
  return set;
}

}  // namespace

session::session(const common_options& common)
    : connection_(heard_by(common.to_settings(), [this](const auto& s) { on_status(s); })) {
  try {
    connection_.connect();
  } catch (const boost::system::system_error& failed) {
    const std::scoped_lock held(lock_);
    if (is_about_options(failed.code())) {
      throw failure{exit_usage, wrong_.empty() ? failed.code().message() : wrong_};
    }
    throw failure{refusal_.stop_requested() ? exit_refused : exit_no_connection,
                  "can't connect to " + common.addresses() + ": " + failed.code().message()};
  }
}

// On the connection's thread.
void session::on_status(const client::status& s) {
  using kind = client::status::kind;
  if (s.what == kind::slow_consumer) {
    return note("messages on \"" + std::string(s.text) + "\" are lost: too many wait");
  }
  // What can't be read, or isn't the server's, has no words of its own.
  const bool is_said = !s.text.empty() && s.error != errc::protocol && !is_about_options(s.error);
  if (is_said) {
    note("the server says: " + std::string(s.text));
    refusal_.request_stop();
  }
  {
    const std::scoped_lock held(lock_);
    server_ = s.server;
    if (is_about_options(s.error)) wrong_ = s.text;
    if (s.what == kind::disconnected) {
      lost_ =
          s.error == errc::disconnected ? "the server closed the connection" : s.error.message();
    }
  }
  if (s.what == kind::closed) finish();
}

void session::publish(const client::message_view& m) {
  try {
    connection_.publish(m);
  } catch (const boost::system::system_error& failed) {
    if (failed.code() == errc::max_payload) {
      throw failure{exit_refused, "the message has " +
                                      std::to_string(m.header_block.size() + m.payload.size()) +
                                      " bytes, the server takes no more than " +
                                      std::to_string(connection_.server_info().max_payload)};
    }
    if (failed.code() == errc::no_headers) throw failure{exit_refused, failed.code().message()};
    throw;
  }
}

bool session::flush() {
  connection_.flush(answer_timeout);
  return !refusal_.stop_requested();
}

void session::stop_on_signal() {
  // The loop holds it, so that only its thread touches it.
  const auto signals =
      std::make_shared<asio::signal_set>(connection_.get_executor(), SIGINT, SIGTERM);
  signals->async_wait([this, signals](error_code error, int) {
    if (error) return;
    signals->clear();
    finish();
  });
}

failure session::explain(error_code error) {
  const std::scoped_lock held(lock_);
  const bool is_lost = error == errc::closed || error == errc::disconnected;
  const auto why = is_lost && !lost_.empty()  ? lost_
                   : error == errc::timed_out ? "no PONG came in time"
                                              : error.message();
  // A refusal that ends the connection was shown already, and is the reason.
  return {refusal_.stop_requested() ? exit_refused : exit_no_connection, server_ + ": " + why};
}

int talk(const common_options& common, const std::function<int(session&)>& body) {
  session its(common);
  try {
    return body(its);
  } catch (const boost::system::system_error& failed) {
    throw its.explain(failed.code());
  }
}

}  // namespace nuncio::cli
