#pragma once

#include "net/observer.hpp"
#include "pages.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/json/value.hpp>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// What clients may ask of the server by messages: `$SYS.REQ.…`.
/// Source: nats-server 2.15.2, server/events.go, checked against a live one.
namespace nuncio::server::monitor {

/// What answers are made from. Thread: the monitor's.
struct request_sources {
  const sources& pages;
  /// The head of an answer: server_info() with the next number.
  std::function<boost::json::object()> server;
  /// An id that no event has.
  std::function<std::string()> new_id;
  /// Loads the configuration anew, and calls `done` with what is wrong with it, on any thread.
  /// Empty: there is none to load.
  const std::function<void(std::function<void(std::string)>)>& reload;
};

/// Is this a request for STATSZ? Without a reply subject it is answered to all who listen.
[[nodiscard]] bool is_for_statsz(std::string_view subject) noexcept;

/// Subjects that the server answers in this account.
[[nodiscard]] std::vector<std::string> request_subjects(const node& of, const account& in);

/// The text of an answer; nothing: the asker gets none, as it isn't meant for this server.
using request_answer = boost::asio::awaitable<std::optional<std::string>>;

/// Pre: `asked` is to one of request_subjects(). Errors: std::exception if memory is short.
[[nodiscard]] request_answer answer_to(const request_sources& from, const system_request& asked);

}  // namespace nuncio::server::monitor
