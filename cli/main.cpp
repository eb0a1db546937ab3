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
  app.add_option("-s,--server", common.servers,
                 "Server URLs (nats, tls, ws or wss), separated by commas")
      ->envname("NATS_URL")
      ->capture_default_str();
  app.add_option("--user", common.user, "User name")->envname("NATS_USER");
  app.add_option("--password", common.password, "Password")->envname("NATS_PASSWORD");
  app.add_option("--token", common.token, "Token")->envname("NATS_TOKEN");
  app.add_option("--creds", common.creds_file, "File with a user's JWT and seed")
      ->envname("NATS_CREDS")
      ->option_text("FILE");
  app.add_option("--nkey", common.nkey_file, "File with the seed of a user's nkey")
      ->envname("NATS_NKEY")
      ->option_text("FILE");
  app.add_option("--tlsca", common.ca_file,
                 "Who may vouch for servers, instead of the system's CAs")
      ->envname("NATS_CA")
      ->option_text("FILE");
  app.add_option("--tlscert", common.certificate_file, "This client's certificate")
      ->envname("NATS_CERT")
      ->option_text("FILE");
  app.add_option("--tlskey", common.key_file, "The key of --tlscert, if it is in a file of its own")
      ->envname("NATS_KEY")
      ->option_text("FILE");
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
