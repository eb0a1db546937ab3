#include "app.hpp"

#include <CLI/CLI.hpp>
#include <boost/asio/post.hpp>

#include <atomic>
#include <future>
#include <iostream>
#include <memory>
#include <stop_token>
#include <utility>

namespace nuncio::cli {
namespace {

struct sub_options {
  std::vector<std::string> subjects;
  std::string queue;
  std::uint64_t count = 0;
  bool raw = false;
  bool headers_only = false;
};

/// Shows messages as they are read, on the connection's thread, so that a reader of ours who is
/// slow makes the server wait instead of filling memory.
class display {
 public:
  explicit display(const sub_options& options) : options_(options) {}

  void show(const client::message_view& m, session& server) {
    if (has_all()) return;
    print(m);
    if (has_all()) {
      std::cout.flush();
      server.finish();
    } else if (!std::exchange(flushes_soon_, true)) {  // after all that was read with it
      boost::asio::post(server.connection().get_executor(), [this] {
        flushes_soon_ = false;
        std::cout.flush();
      });
    }
  }
  /// Thread: any.
  [[nodiscard]] bool has_all() const noexcept {
    return options_.count != 0 && shown_ == options_.count;
  }

 private:
  void print(const client::message_view& m) {
    ++shown_;
    if (options_.raw) return print_line(m.payload);
    std::cout << "[#" << shown_ << "] Received on \"" << m.subject << '"';
    if (!m.reply.empty()) std::cout << " with reply \"" << m.reply << '"';
    std::cout << '\n';
    print_headers(m);
    if (options_.headers_only) return;
    print_line(m.payload);
    print_line("");
  }

  const sub_options& options_;
  std::atomic<std::uint64_t> shown_{0};
  bool flushes_soon_ = false;
};

void wait_for(const std::stop_token& end) {
  std::promise<void> requested;
  const std::stop_callback tell(end, [&] { requested.set_value(); });
  requested.get_future().get();
}

int run(const common_options& common, const sub_options& options) {
  for (const auto& subject : options.subjects) check_subscription_subject(subject);
  check_queue(options.queue);

  display screen(options);
  return talk(common, [&](session& server) {
    auto& nc = server.connection();
    server.stop_on_signal();
    // With several subjects only we know how many came in all.
    const auto max_of_each = options.subjects.size() == 1 ? options.count : 0;
    std::vector<blocking::subscription> all;
    all.reserve(options.subjects.size());
    for (const auto& subject : options.subjects) {
      all.push_back(nc.subscribe(subject, [&](const auto& m) { screen.show(m, server); },
                                 {.queue = options.queue, .max_messages = max_of_each}));
    }
    if (!server.flush()) return exit_refused;
    for (const auto& subject : options.subjects) note("Subscribed to \"" + subject + '"');

    wait_for(server.end());
    // What is on its way after a signal is shown, too; where the connection is lost, this says so.
    if (!screen.has_all()) nc.drain();
    return exit_done;
  });
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
