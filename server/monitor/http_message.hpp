#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <variant>

/// What is asked by HTTP, and what is answered. Pure.
/// Source: RFC 9110; nats-server 2.15.2, which header goes with which answer.
namespace nuncio::server::monitor {

/// What a page has to know of a request.
struct http_request {
  std::string path;    ///< percent-decoded, below the base path: `/varz`; `/` for that itself
  std::string query;   ///< as it came, what is behind the `?`
  std::string method;  ///< `GET`
  std::string accept;  ///< the header of that name; empty: there is none
};

/// What a page answers.
struct http_response {
  unsigned status = 200;
  std::string content_type;
  std::string body;
  std::string location;  ///< where the page is instead, with a status of 3xx
};

/// The page doesn't exist.
[[nodiscard]] http_response not_found();
/// A status and one sentence; empty: the name of the status.
[[nodiscard]] http_response plain_answer(unsigned status, std::string text = {});

/// How an answer is sent.
struct answer_form {
  bool keeps_alive = true;
  bool is_old = false;  ///< by HTTP/1.0
};
/// All that stands before the body.
[[nodiscard]] std::string response_head(const http_response& what,
                                        answer_form form,
                                        std::chrono::system_clock::time_point now);

/// The shortest path that means the same, from `/` on: `//a/../b/` is `/b/`.
[[nodiscard]] std::string clean_path(std::string_view path);

/// What the target of a request asks for, `method` and `accept` left empty; or the answer, if it
/// is no page. Pre: `base` is clean, without a slash at its end; empty: all is below it.
[[nodiscard]] std::variant<http_request, http_response> route(std::string_view target,
                                                              std::string_view base);

}  // namespace nuncio::server::monitor
