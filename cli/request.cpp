#include "app.hpp"

#include <nuncio/client/message.hpp>

#include <CLI/CLI.hpp>

#include <array>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <memory>

namespace nuncio::cli {
namespace {

struct request_options {
  std::string subject;
  std::string body;
  std::vector<std::string> headers;
  std::chrono::nanoseconds timeout = std::chrono::seconds(2);
  std::uint64_t replies = 1;
  bool raw = false;
};

std::string to_milliseconds(std::chrono::steady_clock::duration time) {
  std::array<char, 32> text{};
  const std::chrono::duration<double, std::milli> value = time;
  std::snprintf(text.data(), text.size(), "%.3f ms", value.count());
  return text.data();
}

int run(const common_options& common, const request_options& options, bool has_body) {
  check_publish_subject(options.subject);
  const auto headers = to_header_block(options.headers);
  const auto body = body_or_stdin(has_body ? &options.body : nullptr);

  return talk(common, [&](session& server) {
    const auto inbox = "_INBOX." + unique_id();
    auto answers = server.connection().subscribe(inbox);
    const auto start = std::chrono::steady_clock::now();
    const auto deadline =
        start + std::chrono::duration_cast<std::chrono::steady_clock::duration>(options.timeout);
    server.publish(
        {.subject = options.subject, .reply = inbox, .header_block = headers, .payload = body});

    std::uint64_t received = 0;
    while (options.replies == 0 || received < options.replies) {
      const auto reply = answers.next(deadline, server.refusal());
      if (!reply) break;
      const auto arrived = std::chrono::steady_clock::now();
      if (client::is_no_responders(reply->view())) {
        throw failure{exit_refused, "no responders are available for \"" + options.subject + '"'};
      }
      ++received;
      if (!options.raw) {
        note("Received with rtt " + to_milliseconds(arrived - start));
        print_headers(reply->view());
      }
      print_line(reply->payload());
      std::cout.flush();
    }
    if (received == 0) {
      throw failure{exit_refused, server.refusal().stop_requested() ? "the request was refused"
                                                                    : "no reply came in time"};
    }
    if (received < options.replies) {
      throw failure{exit_refused, std::to_string(received) + " of " +
                                      std::to_string(options.replies) + " replies came in time"};
    }
    return exit_done;
  });
}

}  // namespace

void add_request(CLI::App& app, const common_options& common, verb& chosen) {
  const auto options = std::make_shared<request_options>();
  auto* command = app.add_subcommand("request", "Send a request and show the reply")->alias("req");
  command->add_option("subject", options->subject, "Whom to ask")->required();
  const auto* body = command->add_option(
      "body", options->body, "The payload; without it, stdin is read unless it is a terminal");
  command->add_option("-H,--header", options->headers, "A header, as key:value; may be repeated")
      ->allow_extra_args(false);
  add_duration(*command, "--timeout", options->timeout, "How long to wait for all replies (2s)");
  command->add_option("--replies", options->replies, "How many replies (0: all in time)")
      ->capture_default_str();
  command->add_flag("-r,--raw", options->raw, "Show payloads only");
  command->callback([&common, &chosen, options, body] {
    const bool has_body = body->count() != 0;
    chosen = [&common, options, has_body] { return run(common, *options, has_body); };
  });
}

}  // namespace nuncio::cli
