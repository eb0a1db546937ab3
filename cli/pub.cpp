#include "app.hpp"

#include <CLI/CLI.hpp>

#include <memory>

namespace nuncio::cli {
namespace {

struct pub_options {
  std::string subject;
  std::string body;
  std::vector<std::string> headers;
  std::string reply;
  std::uint64_t count = 1;
};

int run(const common_options& common, const pub_options& options, bool has_body) {
  check_publish_subject(options.subject);
  if (!options.reply.empty()) check_publish_subject(options.reply);
  const auto headers = to_header_block(options.headers);
  const auto body = body_or_stdin(has_body ? &options.body : nullptr);

  return talk(common, [&](session& server) {
    for (std::uint64_t i = 1; i <= options.count; ++i) {
      const auto payload = fill_in(body, "Count", std::to_string(i));
      server.publish({.subject = options.subject,
                      .reply = options.reply,
                      .header_block = headers,
                      .payload = payload});
    }
    if (!server.flush()) return exit_refused;
    note("Published " + std::to_string(options.count) +
         (options.count == 1 ? " message to \"" : " messages to \"") + options.subject + '"');
    return exit_done;
  });
}

}  // namespace

void add_pub(CLI::App& app, const common_options& common, verb& chosen) {
  const auto options = std::make_shared<pub_options>();
  auto* command = app.add_subcommand("pub", "Publish a message")->alias("publish");
  command->add_option("subject", options->subject, "Where to publish")->required();
  const auto* body =
      command->add_option("body", options->body,
                          "The payload; without it, stdin is read unless it is a terminal.\n"
                          "{{Count}} is the number of the message");
  command->add_option("-H,--header", options->headers, "A header, as key:value; may be repeated")
      ->allow_extra_args(false);
  command->add_option("--reply", options->reply, "The reply subject");
  command->add_option("--count", options->count, "How many messages")->capture_default_str();
  command->callback([&common, &chosen, options, body] {
    const bool has_body = body->count() != 0;
    chosen = [&common, options, has_body] { return run(common, *options, has_body); };
  });
}

}  // namespace nuncio::cli
