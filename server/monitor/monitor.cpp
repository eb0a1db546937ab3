#include "monitor.hpp"

#include "json_text.hpp"
#include "metrics.hpp"
#include "net/give_way.hpp"
#include "net/message_trace.hpp"
#include "page_table.hpp"
#include "report_to.hpp"
#include "text_view.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>

#include <exception>
#include <string>
#include <utility>

namespace nuncio::server::monitor {
namespace {

namespace json = boost::json;

http_response as_text(const json::value& what, unsigned status) {
  json::object shown;
  if (what.is_object()) shown = what.get_object();
  return {status, "text/plain; charset=utf-8", to_text_view(shown), {}};
}

http_response shown(json::value what, std::string_view indent, bool is_text) {
  unsigned status = 200;
  if (auto* const object = what.if_object(); object != nullptr) {
    if (const auto* const said = object->if_contains("status_code"); said != nullptr) {
      status = said->to_number<unsigned>();
      object->erase("status_code");
    }
  }
  if (is_text) return as_text(what, status);
  return {status, "application/json", to_json_text(what, indent), {}};
}

// A tenth of a core's share beside a shard that is busy.
constexpr int niceness = 10;
// Pages that are made at a time, each of which may take as much memory as there are connections.
constexpr std::size_t most_large_pages = 8;
// And that wait for that, for no longer than their clients do.
constexpr std::size_t most_waiting_pages = 64;
constexpr const char* too_many_pages = "too many pages are asked for at once, try again later";

http_settings settings_for(const node& of) {
  const auto& opts = of.opts.monitor;
  http_settings out;
  out.host = monitor_host(of.opts);
  out.port = opts.https_port != 0 ? opts.https_port : opts.http_port;
  out.base_path = opts.base_path;
  if (opts.https_port != 0) out.tls = [&of] { return of.rules()->standard.tls->now(); };
  return out;
}

// What isn't a number of connections stands for as many as by default.
std::size_t how_many_closed(const monitor_options& opts) {
  const auto said = opts.max_closed_clients;
  return static_cast<std::size_t>(said > 0 ? said : monitor_options{}.max_closed_clients);
}

using answering = boost::asio::awaitable<http_response>;

answering answer_page(const sources& from, const page_row& row, http_request asked) {
  query said(asked.query);
  auto page = row.make(from, said);
  if (!row.counted.empty()) ++from.requests[std::string(row.counted)];
  auto made = co_await std::move(page);
  co_return shown(std::move(made), row.indent, said.text("format") == "text");
}

answering answer_metrics(const sources& from, exposition::form as) {
  auto made = metrics(from, as);
  auto text = co_await std::move(made);
  co_return http_response{200, std::string(exposition::content_type(as)), std::move(text), {}};
}

boost::asio::awaitable<void> reply_with(const sources& from,
                                        answering made,
                                        std::string path,
                                        http_server::reply reply) {
  http_response out;
  try {
    auto answer = co_await std::move(made);
    out = std::move(answer);
  } catch (const page_error& why) {
    out = plain_answer(why.status(), why.what());
  } catch (const std::exception& why) {
    from.of.log.write(log_level::error, "Monitoring: " + path + ": " + why.what());
    out = plain_answer(500);
  }
  reply(std::move(out));
}

}  // namespace

monitor::monitor(node& of, const internal_role& own)
    : node_(of),
      closed_(how_many_closed(of.opts.monitor)),
      shards_(of, io_),
      sources_{of, shards_, own, closed_, process_, requests_},
      large_pages_(most_large_pages, most_waiting_pages),
      system_(sources_, io_, [this] { wake(); }) {}

monitor::~monitor() {
  stop();
  node_.watcher = nullptr;  // the shards don't run any more, but may still let go of connections
}

void monitor::open() {
  node_.watcher = this;
  system_.open();
  if (!node_.opts.monitor.is_on()) return;
  http_ = std::make_unique<http_server>(
      io_, settings_for(node_),
      [this](const http_request& asked, const http_server::reply& reply) { answer(asked, reply); },
      node_.log);
  http_->open();
  const bool is_secure = node_.opts.monitor.https_port != 0;
  (is_secure ? sources_.https_port : sources_.http_port) = http_->port();
}

void monitor::start() {
  if (http_ == nullptr) return;
  http_->start();
  wake();
}

void monitor::wake() {
  if (is_awake_.load(std::memory_order_acquire)) return;
  const std::scoped_lock held(lock_);
  if (is_over_ || thread_.joinable()) return;
  thread_ = std::thread([this] {
    give_way(niceness);
    const auto work = boost::asio::make_work_guard(io_);
    system_.begin();
    run();
  });
  is_awake_.store(true, std::memory_order_release);
}

// A page that can't be made, for want of memory say, must not end the broker.
void monitor::run() {
  while (!io_.stopped()) {
    try {
      io_.run();
    } catch (const std::exception& why) {
      node_.log.write(log_level::error, std::string("Monitoring: ") + why.what());
    }
  }
}

void monitor::stop() {
  shards_.close();
  io_.stop();
  {
    const std::scoped_lock held(lock_);
    is_over_ = true;
  }
  if (thread_.joinable()) thread_.join();
  if (http_ != nullptr) http_->stop();
}

std::uint16_t monitor::port() const noexcept {
  return http_ == nullptr ? std::uint16_t{0} : http_->port();
}

void monitor::on_opened(const connection& which, const account* before) {
  system_.on_opened(which, before);
}

void monitor::on_closed(connection_view last, const account& its) {
  system_.on_closed(last, its);
  closed_.add(std::move(last));
}

void monitor::on_traced(message_trace what) {
  system_.on_traced(std::move(what));
}

void monitor::on_request(system_request asked) {
  system_.on_request(std::move(asked));
}

void monitor::answer(const http_request& asked, const http_server::reply& reply) {
  if (asked.path == "/") {
    ++requests_["/"];
    return reply({200, "text/html; charset=utf-8", index_page(), {}});
  }
  if (asked.path == "/metrics") {
    const auto as = exposition::form_for(asked.accept);
    return respond(asked.path, true, [this, as] { return answer_metrics(sources_, as); }, reply);
  }
  const auto* const row = find_page(asked.path);
  if (row == nullptr) return reply(not_found());
  respond(
      asked.path, row->is_large, [this, row, asked] { return answer_page(sources_, *row, asked); },
      reply);
}

void monitor::respond(const std::string& path,
                      bool is_large,
                      std::function<answering()> make,
                      const http_server::reply& reply) {
  auto begin = [this, path, is_large, make = std::move(make), reply] {
    const report_to report(node_.log, "Monitoring: " + path + ": ");
    const auto end = [this, is_large, report](const std::exception_ptr& why) {
      report(why);
      if (is_large) large_pages_.leave();
    };
    boost::asio::co_spawn(io_, reply_with(sources_, make(), path, reply), end);
  };
  if (!is_large) return begin();
  if (!large_pages_.enter(std::move(begin))) reply(plain_answer(503, too_many_pages));
}

}  // namespace nuncio::server::monitor
