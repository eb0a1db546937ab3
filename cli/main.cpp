#include "app.hpp"

#include <CLI/CLI.hpp>

#include <exception>

namespace {

constexpr auto footer =
    "Exit status:\n"
    "  0  done; also after Ctrl-C of sub and reply\n"
    "  1  no responders, no reply in time, or the server refused\n"
    "  2  the command line is wrong\n"
    "  3  no server, or the connection was lost\n";

}  // namespace

int main(int argc, char** argv) {
  using namespace nuncio::cli;
  CLI::App app("nuncio: publish, subscribe, request and reply on any NATS server", "nuncio");
  common_options common;
  verb chosen;
  app.footer(footer);
  app.set_version_flag("--version", "nuncio: v" NUNCIO_VERSION);
  app.require_subcommand(1);
  app.fallthrough();  // common flags may follow the verb
  app.add_option("-s,--server", common.servers, "Server URLs, separated by commas")
      ->envname("NATS_URL")
      ->capture_default_str();
  app.add_option("--user", common.user, "User name")->envname("NATS_USER");
  app.add_option("--password", common.password, "Password")->envname("NATS_PASSWORD");
  app.add_option("--token", common.token, "Token")->envname("NATS_TOKEN");
  app.add_flag("--verbose,--trace", common.verbose, "Show the protocol on stderr");
  add_pub(app, common, chosen);
  add_sub(app, common, chosen);
  add_request(app, common, chosen);
  add_reply(app, common, chosen);

  try {
    app.parse(argc, argv);
    return chosen();
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? exit_done : exit_usage;
  } catch (const failure& failed) {
    note("nuncio: " + failed.text);
    return failed.status;
  } catch (const std::exception& error) {
    note(std::string("nuncio: ") + error.what());
    return exit_no_connection;
  }
}
