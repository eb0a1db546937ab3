#include "flags.hpp"

#include "config/conversions.hpp"
#include "config/reference.hpp"
#include "config/schema.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <optional>
#include <utility>

namespace nuncio::server::daemon {
namespace {

enum class shape : std::uint8_t {
  value,   ///< takes a word
  toggle,  ///< true where nothing follows `=`
};

/// A flag that we offer. What it means is said where the option of the configuration file is,
/// unless it has none.
struct flag_row {
  std::string_view group;  ///< empty: as the row before
  std::vector<std::string_view> names;
  shape takes;
  std::string_view value_name;
  std::string_view option;  ///< of a configuration file; empty: none
  std::string_view help;    ///< empty: the option's
  std::string expected;     ///< completes "expected …"; empty: the option's
  std::function<bool(std::string_view, config::settings&)> apply;  ///< null: the program looks
};

constexpr std::string_view a_boolean = "true or false";

flag_row switches(std::vector<std::string_view> names,
                  std::string_view help,
                  std::vector<bool config::log_settings::*> members) {
  return {"",
          std::move(names),
          shape::toggle,
          "",
          "",
          help,
          std::string(a_boolean),
          [members = std::move(members)](std::string_view text, config::settings& to) {
            const auto on = config::to_bool(text);
            for (const auto member : members) to.log.*member = on.value_or(false);
            return on.has_value();
          }};
}

template <class Member>
flag_row credential(std::string_view name,
                    std::string_view value_name,
                    std::string_view help,
                    Member access_options::* member) {
  return {"",
          {name},
          shape::value,
          value_name,
          "",
          help,
          "a text",
          [member](std::string_view text, config::settings& to) {
            to.node.access.*member = std::string(text);
            return true;
          }};
}

// Each of them asks for TLS, whatever a file says.
flag_row tls_file(std::string_view name, std::string_view help, std::string tls_options::* member) {
  return {"",
          {name},
          shape::value,
          "FILE",
          "",
          help,
          "a file name",
          [member](std::string_view text, config::settings& to) {
            if (!to.node.tls) to.node.tls.emplace();
            (*to.node.tls).*member = std::string(text);
            return true;
          }};
}

bool switch_tls(std::string_view text, config::settings& to) {
  const auto on = config::to_bool(text);
  if (on == true && !to.node.tls) to.node.tls.emplace();
  if (on == false) to.node.tls.reset();
  return on.has_value();
}

bool switch_verification(std::string_view text, config::settings& to) {
  const auto on = config::to_bool(text);
  if (on == true && !to.node.tls) to.node.tls.emplace();
  if (to.node.tls) to.node.tls->verify = on.value_or(false);
  return on.has_value();
}

std::vector<flag_row> flag_rows() {
  using enum shape;
  using log = config::log_settings;
  std::vector<flag_row> rows{
      {"Server", {"a", "net", "addr"}, value, "HOST", "host"},
      {"", {"p", "port"}, value, "PORT", "port"},
      {"", {"n", "server_name", "name"}, value, "NAME", "server_name"},
      {"", {"client_advertise"}, value, "HOST", "client_advertise"},
      {"", {"P", "pid"}, value, "FILE", "pid_file"},
      {"", {"m", "http_port"}, value, "PORT", "http_port"},
      {"", {"ms", "https_port"}, value, "PORT", "https_port"},
      {"", {"ports_file_dir"}, value, "DIR", "ports_file_dir"},
      {"", {"shards"}, value, "N", "shards"},
      {"", {"c", "config"}, value, "FILE", "", "Read the configuration from FILE", "a file name"},
      {"",
       {"check_reload", "check-reload"},
       value,
       "OLD NEW",
       "",
       "Say what it takes to go over from one configuration to another, and end",
       "two file names"},
      {"",
       {"t"},
       toggle,
       "",
       "",
       "Check that file, say what is wrong, and end",
       std::string(a_boolean)},
      {"",
       {"sl", "signal"},
       value,
       "CMD[=PID]",
       "",
       "Send stop, quit, term, reopen, reload or ldm to the running server, or to that of a "
       "process "
       "id or pid file, and end",
       "a command"},
      {"Logging", {"l", "log"}, value, "FILE", "log_file"},
      {"", {"log_size_limit"}, value, "BYTES", "log_size_limit"},
      {"", {"s", "syslog"}, toggle, "", "syslog"},
      {"", {"r", "remote_syslog"}, value, "URL", "remote_syslog"},
      {"", {"log_format"}, value, "FORMAT", "log_format"},
      {"", {"T", "logtime"}, toggle, "", "logtime"},
      {"", {"logtime_utc"}, toggle, "", "logtime_utc"},
      {"", {"D", "debug"}, toggle, "", "debug"},
      {"", {"V", "trace"}, toggle, "", "trace"},
      switches({"VV"}, "Log the protocol, of the system account too",
               {&log::trace, &log::trace_verbose}),
      switches({"DV"}, "-D and -V", {&log::debug, &log::trace}),
      switches({"DVV"}, "-D and -VV", {&log::debug, &log::trace, &log::trace_verbose}),
      {"", {"max_traced_msg_len"}, value, "BYTES", "max_traced_msg_len"},
      {"Limits", {"max_payload"}, value, "BYTES", "max_payload"},
      {"", {"max_pending"}, value, "BYTES", "max_pending"},
      {"", {"max_control_line"}, value, "BYTES", "max_control_line"},
      {"", {"max_connections"}, value, "N", "max_connections"},
      {"", {"max_subscriptions"}, value, "N", "max_subscriptions"},
      {"", {"ping_interval"}, value, "DURATION", "ping_interval"},
      {"", {"write_deadline"}, value, "DURATION", "write_deadline"},
      {"", {"busy_poll"}, value, "DURATION", "busy_poll"},
      credential("user", "NAME", "User that clients must be, with --pass", &access_options::user),
      credential("pass", "PASSWORD", "Its password", &access_options::password),
      credential("auth", "TOKEN", "Token that clients must bring", &access_options::token),
      {"TLS",
       {"tls"},
       toggle,
       "",
       "",
       "TLS for clients; false: none, whatever the configuration says",
       std::string(a_boolean),
       switch_tls},
      tls_file("tlscert", "The server's certificate", &tls_options::cert_file),
      tls_file("tlskey", "Its private key", &tls_options::key_file),
      {"",
       {"tlsverify"},
       toggle,
       "",
       "",
       "TLS, and clients need a certificate",
       std::string(a_boolean),
       switch_verification},
      tls_file("tlscacert", "Who vouches for clients' certificates", &tls_options::ca_file),
      {"Common", {"v", "version"}, toggle, "", "", "Show the version", std::string(a_boolean)},
      {"",
       {"help_config"},
       toggle,
       "",
       "",
       "Show what a configuration file may say",
       std::string(a_boolean)},
      {"", {"h", "help"}, toggle, "", "", "Show this text", std::string(a_boolean)},
  };
  const auto first_credential = std::find_if(
      rows.begin(), rows.end(), [](const flag_row& row) { return row.names.front() == "user"; });
  first_credential->group = "Authorization";
  for (auto& row : rows) {
    if (row.option.empty()) continue;
    const auto* const option = config::find_option(config::all_options(), row.option);
    row.help = option->help;
    row.expected = option->expected;
    row.apply = option->read_text;
  }
  return rows;
}

const std::vector<flag_row>& offered() {
  static const auto rows = flag_rows();
  return rows;
}

/// A flag of nats-server that we don't offer. Its off form asks for what we do anyway.
struct refused_row {
  std::string_view name;
  shape takes;
  std::optional<std::string_view> off;  ///< of a value; a toggle is off when it is false
  bool is_planned = true;
};

constexpr std::array refused{
    refused_row{"help_tls", shape::toggle, ""},
    refused_row{"routes", shape::value, ""},
    refused_row{"cluster", shape::value, ""},
    refused_row{"cluster_listen", shape::value, ""},
    refused_row{"cluster_name", shape::value, ""},
    refused_row{"cluster_advertise", shape::value, ""},
    refused_row{"no_advertise", shape::toggle, ""},
    refused_row{"connect_retries", shape::value, "0"},
    refused_row{"js", shape::toggle, "", false},
    refused_row{"jetstream", shape::toggle, "", false},
    refused_row{"sd", shape::value, "", false},
    refused_row{"store_dir", shape::value, "", false},
    refused_row{"profile", shape::value, "0"},
};

/// A sentence for the user.
struct bad_usage {
  std::string text;
};

// --- names ---------------------------------------------------------------------------------------

/// As one writes it: short names with one dash, others with two.
std::string dashed(std::string_view name) {
  const bool is_short = name.size() == 1 || name == "VV" || name == "DV" || name == "DVV" ||
                        name == "ms" || name == "sl" || name == "js" || name == "sd";
  return (is_short ? "-" : "--") + std::string(name);
}

const flag_row* find_offered(std::string_view name) {
  for (const auto& row : offered()) {
    if (std::find(row.names.begin(), row.names.end(), name) != row.names.end()) return &row;
  }
  return nullptr;
}

const refused_row* find_refused(std::string_view name) {
  const auto* row = std::find_if(refused.begin(), refused.end(),
                                 [name](const refused_row& r) { return r.name == name; });
  return row == refused.end() ? nullptr : row;
}

bad_usage unknown(std::string_view written, std::string_view name) {
  std::vector<std::string_view> known;
  for (const auto& row : offered()) known.insert(known.end(), row.names.begin(), row.names.end());
  for (const auto& row : refused) known.push_back(row.name);
  std::string text = "unknown flag " + std::string(written) + ", expected one of --help";
  if (const auto near = config::closest(name, known); !near.empty()) {
    text += "; did you mean " + dashed(near) + "?";
  }
  return {text};
}

void check_refused(const refused_row& row,
                   std::string_view written,
                   const std::optional<std::string>& value) {
  const bool is_off =
      value && (row.takes == shape::toggle ? config::to_bool(*value) == false : row.off == *value);
  if (is_off) return;
  throw bad_usage{std::string(written) + (row.is_planned
                                              ? " is not supported yet"
                                              : " is not supported: there is no JetStream here")};
}

// --- the command line ----------------------------------------------------------------------------

/// The command line, word by word.
struct command_line {
  flags options;
  bool help = false;
  bool help_config = false;
  bool version = false;
};

void take(const flag_row& row, std::string_view written, std::string value, command_line& into) {
  const auto name = row.names.back();
  config::settings scratch;
  bool ignored = false;
  bool& toggled = name == "t"             ? into.options.check_only
                  : name == "version"     ? into.version
                  : name == "help_config" ? into.help_config
                  : name == "help"        ? into.help
                                          : ignored;
  bool is_good = true;
  if (row.apply) {
    is_good = row.apply(value, scratch);
  } else if (row.takes == shape::toggle) {
    const auto on = config::to_bool(value);
    is_good = on.has_value();
    toggled = on.value_or(false);
  } else {
    (name == "signal" ? into.options.signal : into.options.config_file) = value;
  }
  // Empty is unset, as in Go.
  const bool is_unset = row.takes == shape::value && value.empty() && name != "name";
  if (!is_good && !(is_unset && name == "addr")) {
    throw bad_usage{std::string(written) + ": expected " + row.expected + ", found \"" + value +
                    '"'};
  }
  if (row.apply && !is_unset) into.options.settings.push_back({name, std::move(value)});
}

void take_command(const std::string& command, command_line& into) {
  const auto name = config::to_lower(command);
  if (name == "help") {
    into.help = true;
  } else if (name == "version") {
    into.version = true;
  } else {
    std::string text = "unrecognized command \"" + command + "\", expected help or version";
    if (config::to_bool(command)) text += "; the value of a switch follows =, as in -D=false";
    throw bad_usage{text};
  }
}

command_line read(const std::vector<std::string>& arguments) {
  command_line out;
  bool only_commands = false;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string_view word = arguments[i];
    if (word == "--" && !std::exchange(only_commands, true)) continue;
    if (only_commands || word.size() < 2 || word.front() != '-') {
      take_command(arguments[i], out);
      continue;
    }
    const auto equals = word.find('=');
    const auto written = word.substr(0, equals);
    const auto name = written.substr(written.starts_with("--") ? 2 : 1);
    std::optional<std::string> value;
    if (equals != std::string_view::npos) value = std::string(word.substr(equals + 1));

    const auto* row = find_offered(name);
    const auto* refusal = row == nullptr ? find_refused(name) : nullptr;
    if (row == nullptr && refusal == nullptr) throw unknown(written, name);
    const auto takes = row != nullptr ? row->takes : refusal->takes;
    if (!value && takes == shape::value && i + 1 < arguments.size()) value = arguments[++i];
    if (name == "check-reload" || name == "check_reload") {
      if (!value || i + 1 >= arguments.size()) {
        throw bad_usage{std::string(written) + " needs two values, expected two file names"};
      }
      out.options.config_file = *value;
      out.options.compared_file = arguments[++i];
      continue;
    }
    if (refusal != nullptr) {
      check_refused(*refusal, written, value);
    } else if (!value && takes == shape::value) {
      throw bad_usage{std::string(written) + " needs a value, expected " + row->expected};
    } else {
      take(*row, written, value.value_or("true"), out);
    }
  }
  return out;
}

std::string help_text() {
  constexpr std::size_t column = 34;
  constexpr std::size_t width = 100;
  std::string out =
      "nuncio-server: a message broker that speaks the NATS protocol\n"
      "\n"
      "Usage: nuncio-server [flags] [help|version]\n";
  const config::settings defaults;
  for (const auto& row : offered()) {
    if (!row.group.empty()) out += "\n" + std::string(row.group) + ":\n";
    std::string line = row.names.front().size() == 1 ? "  " : "      ";
    for (std::size_t i = 0; i < row.names.size(); ++i) {
      if (i != 0) line += ", ";
      line += dashed(row.names[i]);
    }
    if (!row.value_name.empty()) line += ' ' + std::string(row.value_name);
    line.resize(std::max(line.size() + 2, column), ' ');
    line += row.help;
    if (!row.option.empty()) {
      const auto* const option = config::find_option(config::all_options(), row.option);
      if (const auto text = option->show(defaults); !text.empty()) line += " (" + text + ")";
    }
    while (line.size() > width) {
      const auto cut = line.rfind(' ', width);
      out += line.substr(0, cut) + '\n';
      line = std::string(column, ' ') + line.substr(cut + 1);
    }
    out += line + '\n';
  }
  out +=
      "\n"
      "One dash or two are the same. A value follows after a blank or =; that of a switch, true "
      "or\n"
      "false, only after =, as in -D=false. Sizes may have a unit (64KB), durations too (250ms, "
      "2m);\n"
      "without one they are seconds. Flags count more than the configuration file.\n"
      "\n"
      "Exit status: 0 after a normal stop, 1 if the server can't start.\n";
  return out;
}

outcome print(std::string text, int exit_status) {
  outcome out;
  out.what = outcome::kind::print_and_exit;
  out.text = std::move(text);
  out.exit_status = exit_status;
  out.to_stderr = exit_status != 0;
  return out;
}

}  // namespace

void flags::apply(config::settings& to) const {
  for (const auto& each : settings) {
    // It was tried before.
    [[maybe_unused]] const bool is_good = find_offered(each.flag)->apply(each.value, to);
  }
  // Off is off, whatever files were named.
  const auto is_tls = [](const setting& each) { return each.flag == "tls"; };
  const auto last = std::find_if(settings.rbegin(), settings.rend(), is_tls);
  if (last != settings.rend()) switch_tls(last->value, to);
}

outcome parse_flags(int argc, const char* const* argv) {
  try {
    auto line = read({argv + std::min(argc, 1), argv + argc});
    if (line.help) return print(help_text(), 0);
    if (line.help_config) return print(config::reference(), 0);
    if (line.version) return print("nuncio-server: v" NUNCIO_VERSION "\n", 0);
    if (line.options.check_only && line.options.config_file.empty()) {
      throw bad_usage{"-t needs -c, the configuration file to check"};
    }
    outcome out;
    out.options = std::move(line.options);
    return out;
  } catch (const bad_usage& bad) {
    return print("nuncio-server: " + bad.text + "\n", 1);
  }
}

}  // namespace nuncio::server::daemon
