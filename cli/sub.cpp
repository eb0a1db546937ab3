#include "app.hpp"

#include <CLI/CLI.hpp>

#include <iostream>
#include <memory>

namespace nuncio::cli {
namespace {

struct sub_options {
  std::vector<std::string> subjects;
  std::string queue;
  std::uint64_t count = 0;
  bool raw = false;
  bool headers_only = false;
};

void print(const message& received, std::uint64_t number, const sub_options& options) {
  if (options.raw) return print_line(received.payload);
  std::cout << "[#" << number << "] Received on \"" << received.subject << '"';
  if (!received.reply.empty()) std::cout << " with reply \"" << received.reply << '"';
  std::cout << '\n';
  print_headers(received);
  if (options.headers_only) return;
  print_line(received.payload);
  print_line("");
}

int run(const common_options& common, const sub_options& options) {
  for (const auto& subject : options.subjects) check_subscription_subject(subject);
  check_queue(options.queue);

  session server(common.to_settings());
  server.stop_on_signal();
  // With several subjects only we know how many came in all.
  const auto max_of_each = options.subjects.size() == 1 ? options.count : 0;
  for (const auto& subject : options.subjects) {
    server.subscribe(subject, options.queue, max_of_each);
  }
  server.flush();
  if (server.was_refused()) return exit_refused;
  for (const auto& subject : options.subjects) note("Subscribed to \"" + subject + '"');

  for (std::uint64_t received = 0; options.count == 0 || received < options.count;) {
    const auto next = server.next();
    if (!next) break;
    print(*next, ++received, options);
    if (!server.has_message()) std::cout.flush();
  }
  return exit_done;
}

}  // namespace

void add_sub(CLI::App& app, const common_options& common, verb& chosen) {
  const auto options = std::make_shared<sub_options>();
  auto* command =
      app.add_subcommand("sub", "Show messages as they arrive, until Ctrl-C")->alias("subscribe");
  command->add_option("subject", options->subjects, "What to listen to; may hold * and >")
      ->required();
  command->add_option("--queue", options->queue, "Join this queue group");
  command->add_option("--count", options->count, "End after so many messages (0: never)");
  command->add_flag("-r,--raw", options->raw, "Show payloads only");
  command->add_flag("--headers-only", options->headers_only, "Don't show payloads");
  command->callback([&common, &chosen, options] {
    chosen = [&common, options] { return run(common, *options); };
  });
}

}  // namespace nuncio::cli
