#include "app.hpp"

#include <nuncio/client/error.hpp>
#include <nuncio/client/message.hpp>

#include <CLI/CLI.hpp>
#include <boost/system/system_error.hpp>

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <stop_token>

namespace nuncio::cli {
namespace {

/// What Linux takes as one environment variable is 128 KiB with its name.
constexpr std::size_t max_variable = 100'000;

struct reply_options {
  std::string subject;
  std::string body;
  std::string queue = "NATS-RPLY-22";  // the nats CLI's, so that both share the work
  std::string command;
  bool echo = false;
  std::uint64_t count = 0;
};

struct command_result {
  int status = 0;  ///< 0: it went well; otherwise `output` is not worth sending
  std::string output;
};

[[noreturn]] void fail_command(const char* what, int error) {
  throw failure{exit_refused, std::string("can't run the command: ") + what + ": " +
                                  std::strerror(error)};  // NOLINT(concurrency-mt-unsafe)
}

using file_ptr = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;

/// A file that holds `text`, read from its start: a pipe could fill up while no one reads it.
file_ptr file_with(std::string_view text) {
  file_ptr file(std::tmpfile(), &std::fclose);
  if (file == nullptr) fail_command("temporary file", errno);
  if (std::fwrite(text.data(), 1, text.size(), file.get()) != text.size() ||
      std::fflush(file.get()) != 0 || std::fseek(file.get(), 0, SEEK_SET) != 0) {
    fail_command("temporary file", errno);
  }
  return file;
}

std::string read_all(int descriptor) {
  std::string out;
  std::array<char, 4096> buffer{};
  while (true) {
    const auto size = ::read(descriptor, buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return out;
    out.append(buffer.data(), static_cast<std::size_t>(size));
  }
}

/// Our environment with what a command may know of its request. Ours itself isn't changed: the
/// connection's thread may look at it.
std::vector<std::string> environment_for(const client::message_view& request) {
  std::vector<std::string> out;
  for (char** each = environ; *each != nullptr; ++each) {
    if (!std::string_view(*each).starts_with("NATS_REQUEST_")) out.emplace_back(*each);
  }
  out.push_back("NATS_REQUEST_SUBJECT=" + std::string(request.subject));
  if (request.payload.size() <= max_variable) {
    out.push_back("NATS_REQUEST_BODY=" + std::string(request.payload));
  }
  return out;
}

/// Runs `command` by the shell. The request is its stdin and in NATS_REQUEST_BODY, never a part of
/// the command line, since who may send a request may not run programs.
command_result run_command(const std::string& command, const client::message_view& request) {
  const auto input = file_with(request.payload);
  auto environment = environment_for(request);
  std::vector<char*> variables;
  variables.reserve(environment.size() + 1);
  for (auto& each : environment) variables.push_back(each.data());
  variables.push_back(nullptr);

  std::array<int, 2> output{};
  if (::pipe2(output.data(), O_CLOEXEC) != 0) fail_command("pipe", errno);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, ::fileno(input.get()), STDIN_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, output[1], STDOUT_FILENO);
  std::string shell = "sh";
  std::string flag = "-c";
  std::string text = command;
  const std::array<char*, 4> argv{shell.data(), flag.data(), text.data(), nullptr};
  pid_t pid = 0;
  const int failed =
      ::posix_spawn(&pid, "/bin/sh", &actions, nullptr, argv.data(), variables.data());
  ::posix_spawn_file_actions_destroy(&actions);
  ::close(output[1]);
  command_result result;
  if (failed == 0) result.output = read_all(output[0]);
  ::close(output[0]);
  if (failed != 0) fail_command("sh", failed);

  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  result.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return result;
}

struct answer {
  std::string header_block;
  std::string payload;
};

answer answer_to(const client::message_view& request,
                 std::uint64_t number,
                 const reply_options& options) {
  if (options.echo) return {std::string(request.header_block), std::string(request.payload)};
  if (options.command.empty()) {
    // The request goes in last: what a stranger sent is no template.
    return {{},
            fill_in(fill_in(options.body, "Count", std::to_string(number)), "Request",
                    request.payload)};
  }
  auto result = run_command(options.command, request);
  if (result.status == 0) return {{}, std::move(result.output)};
  const auto why = "the command ended with status " + std::to_string(result.status);
  note(why);
  return {to_header_block({"Nats-Service-Error-Code:500", "Nats-Service-Error:" + why}), {}};
}

/// The next request. After a signal, what was on its way still comes, and then nothing does.
std::optional<client::message> next(blocking::subscription& requests, const std::stop_token& end) {
  try {
    if (auto request = requests.next(end)) return request;
    if (!end.stop_requested()) return std::nullopt;
    requests.drain();
    return requests.next();
  } catch (const boost::system::system_error& failed) {
    if (failed.code() != client::errc::slow_consumer) throw;
    return next(requests, end);  // the session has said so
  }
}

int run(const common_options& common, const reply_options& options) {
  check_subscription_subject(options.subject);
  check_queue(options.queue);

  return talk(common, [&](session& server) {
    server.stop_on_signal();
    auto requests = server.connection().subscribe(
        options.subject, {.queue = options.queue, .max_messages = options.count});
    if (!server.flush()) return exit_refused;
    note("Replying on \"" + options.subject + "\" in queue group \"" + options.queue + '"');

    for (std::uint64_t received = 0; options.count == 0 || received < options.count;) {
      const auto request = next(requests, server.end());
      if (!request) break;
      ++received;
      const auto reply = answer_to(request->view(), received, options);
      note("Request on \"" + std::string(request->subject()) + "\", " +
           std::to_string(request->payload().size()) + " bytes");
      if (request->reply().empty()) continue;
      server.publish({.subject = request->reply(),
                      .header_block = reply.header_block,
                      .payload = reply.payload});
    }
    server.flush();
    return exit_done;
  });
}

}  // namespace

void add_reply(CLI::App& app, const common_options& common, verb& chosen) {
  const auto options = std::make_shared<reply_options>();
  auto* command = app.add_subcommand("reply", "Answer requests, until Ctrl-C");
  command->add_option("subject", options->subject, "What to listen to; may hold * and >")
      ->required();
  auto* body = command->add_option("body", options->body,
                                   "The answer; {{Request}} is the payload of the request,\n"
                                   "{{Count}} its number");
  command->add_option("-q,--queue", options->queue, "The queue group")->capture_default_str();
  auto* echo = command->add_flag("--echo", options->echo, "Answer with the request itself");
  command
      ->add_option("--command", options->command,
                   "Answer with what this shell command prints. It gets the request on stdin and\n"
                   "(up to 100000 bytes also in NATS_REQUEST_BODY) and the subject in\n"
                   "NATS_REQUEST_SUBJECT")
      ->excludes(echo)
      ->excludes(body);
  echo->excludes(body);
  command->add_option("--count", options->count, "End after so many requests (0: never)");
  command->callback([&common, &chosen, options] {
    chosen = [&common, options] { return run(common, *options); };
  });
}

}  // namespace nuncio::cli
