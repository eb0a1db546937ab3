#include "driver.hpp"

#include <nuncio/client/connection.hpp>

#include <boost/asio/dispatch.hpp>

namespace nuncio::client {

using boost::system::error_code;

namespace asio = boost::asio;

connection::connection(asio::any_io_executor executor, options settings)
    : driver_(std::make_shared<driver>(std::move(executor), std::move(settings))) {}

connection::~connection() {
  asio::dispatch(driver_->get_executor(), [it = driver_] { it->close(true); });
}

void connection::start_connect(handler done) {
  asio::dispatch(driver_->get_executor(), [it = driver_, done = std::move(done)]() mutable {
    it->connect({std::move(done), it->get_executor()});
  });
}

void connection::start_publish(message m, handler done) {
  asio::dispatch(driver_->get_executor(),
                 [it = driver_, m = std::move(m), done = std::move(done)]() mutable {
                   driver::operation operation(std::move(done), it->get_executor());
                   if (it->pending_full() == when_full::error) {
                     return operation.post(it->get_executor(), it->publish(m.view()));
                   }
                   it->publish_later(std::move(m), std::move(operation));
                 });
}

void connection::start_request(message m, std::chrono::milliseconds timeout, answer_handler done) {
  asio::dispatch(driver_->get_executor(),
                 [it = driver_, m = std::move(m), timeout, done = std::move(done)]() mutable {
                   it->request(m.view(), timeout, {std::move(done), it->get_executor()});
                 });
}

void connection::start_request_many(message m, const collect_options& until, answers_handler done) {
  asio::dispatch(driver_->get_executor(),
                 [it = driver_, m = std::move(m), until, done = std::move(done)]() mutable {
                   it->request_many(m.view(), until, {std::move(done), it->get_executor()});
                 });
}

void connection::start_flush(handler done) {
  asio::dispatch(driver_->get_executor(), [it = driver_, done = std::move(done)]() mutable {
    it->flush({std::move(done), it->get_executor()});
  });
}

void connection::start_drain(handler done) {
  asio::dispatch(driver_->get_executor(), [it = driver_, done = std::move(done)]() mutable {
    it->drain({std::move(done), it->get_executor()});
  });
}

error_code connection::publish(std::string_view subject, std::string_view payload) {
  return driver_->publish({.subject = subject, .payload = payload});
}

error_code connection::publish(std::string_view subject,
                               const headers& header,
                               std::string_view payload) {
  return driver_->publish({.subject = subject, .header_block = header.block(), .payload = payload});
}

error_code connection::publish(const message_view& m) {
  return driver_->publish(m);
}

subscription connection::subscribe(std::string_view subject, const subscribe_options& set) {
  return subscription(driver_->subscribe(subject, set, nullptr));
}

subscription connection::subscribe(std::string_view subject,
                                   callback deliver,
                                   const subscribe_options& set) {
  return subscription(driver_->subscribe(subject, set, std::move(deliver)));
}

void connection::close() {
  asio::dispatch(driver_->get_executor(), [it = driver_] { it->close(false); });
}

const protocol::server_info& connection::server_info() const noexcept {
  return driver_->info();
}

bool connection::is_connected() const noexcept {
  return driver_->is_open();
}

connection::counters connection::statistics() const noexcept {
  return driver_->statistics();
}

asio::any_io_executor connection::get_executor() const noexcept {
  return driver_->get_executor();
}

}  // namespace nuncio::client
