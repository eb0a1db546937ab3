#include "http_server.hpp"

#include "net/listen_on.hpp"

#include <boost/asio/error.hpp>

#include <chrono>
#include <string>
#include <utility>

namespace nuncio::server::monitor {
namespace {

namespace asio = boost::asio;

constexpr std::chrono::seconds retry_after{1};

}  // namespace

http_server::http_server(asio::io_context& loop, settings with, handler pages, log_sink& log)
    : loop_(loop),
      log_(log),
      acceptor_(loop),
      retry_(loop),
      connections_(std::move(with), std::move(pages), log) {}

void http_server::open() {
  const auto& at = connections_.settings();
  port_ = listen_on(acceptor_, at.host, at.port);
}

void http_server::start() {
  accept();
}

void http_server::stop() {
  boost::system::error_code ignored;
  acceptor_.close(ignored);
  retry_.cancel();
  connections_.close_all();
}

void http_server::accept() {
  acceptor_.async_accept(loop_.get_executor(), [this](const boost::system::error_code& failure,
                                                      http_connections::socket opened) {
    if (failure == asio::error::operation_aborted || !acceptor_.is_open()) return;
    if (failure) {
      log_.write(log_level::error, "monitoring: can't accept: " + failure.message());
      return pause_accepting();
    }
    boost::system::error_code ignored;
    opened.non_blocking(true, ignored);
    opened.native_non_blocking(true, ignored);
    opened.set_option(asio::ip::tcp::no_delay(true), ignored);
    connections_.add(std::move(opened));
    accept();
  });
}

// Files may be at their limit.
void http_server::pause_accepting() {
  retry_.expires_after(retry_after);
  retry_.async_wait([this](const boost::system::error_code& failure) {
    if (!failure) accept();
  });
}

}  // namespace nuncio::server::monitor
