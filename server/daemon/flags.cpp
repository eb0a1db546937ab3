#include "flags.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <functional>
#include <limits>
#include <map>
#include <string_view>
#include <utility>
#include <vector>

namespace nuncio::server::daemon {
namespace {

enum class shape : std::uint8_t {
  value,   ///< takes a word
  toggle,  ///< true where nothing follows `=`
};

/// A flag that we offer. The last name is the one that CLI11 knows.
struct flag_row {
  std::string_view group;  ///< empty: as the row before
  std::vector<std::string_view> names;
  shape takes;
  std::string_view value_name;
  std::string_view expected;  ///< completes "expected …"
  std::string_view help;
};

constexpr std::string_view a_boolean = "true or false";
constexpr std::string_view a_size = "a number of bytes, such as 65536 or 64KB";
constexpr std::string_view a_duration = "a duration above zero, such as 2m, 1.5s or 250ms";

const std::vector<flag_row>& offered() {
  using enum shape;
  static const std::vector<flag_row> rows{
      {"Server",
       {"a", "net", "addr"},
       value,
       "HOST",
       "a host name or address",
       "Address to listen on (0.0.0.0)"},
      {"",
       {"p", "port"},
       value,
       "PORT",
       "a port from 1 to 65535, or -1 for any free one",
       "Port for clients, -1 for any free one (4222)"},
      {"", {"n", "server_name", "name"}, value, "NAME", "a name", "Name of this server (its id)"},
      {"", {"P", "pid"}, value, "FILE", "a file name", "Write the process id to FILE"},
      {"",
       {"ports_file_dir"},
       value,
       "DIR",
       "a directory",
       "Write <executable>_<pid>.ports, the ports in use, to DIR"},
      {"",
       {"shards"},
       value,
       "N",
       "auto, or a number from 1 to 1024",
       "Threads that serve connections (auto: one for each core)"},
      {"Logging", {"l", "log"}, value, "FILE", "a file name", "Log to FILE instead of stderr"},
      {"", {"T", "logtime"}, toggle, "", a_boolean, "Log the time (true)"},
      {"", {"logtime_utc"}, toggle, "", a_boolean, "Log the time as UTC, not local (false)"},
      {"", {"D", "debug"}, toggle, "", a_boolean, "Log what helps in finding faults"},
      {"", {"V", "trace"}, toggle, "", a_boolean, "Log the protocol"},
      {"", {"VV"}, toggle, "", a_boolean, "Log the protocol, of the system account too"},
      {"", {"DV"}, toggle, "", a_boolean, "-D and -V"},
      {"", {"DVV"}, toggle, "", a_boolean, "-D and -VV"},
      {"",
       {"max_traced_msg_len"},
       value,
       "BYTES",
       a_size,
       "Log no more of each traced message (0: all)"},
      {"Limits",
       {"max_payload"},
       value,
       "BYTES",
       "1 to 999999999 bytes",
       "Size of a message, headers and payload (1MB)"},
      {"",
       {"max_pending"},
       value,
       "BYTES",
       "1 byte or more",
       "Unsent bytes of a client before it is closed as too slow (64MB)"},
      {"",
       {"max_control_line"},
       value,
       "BYTES",
       "1 to 2147483647 bytes",
       "Length of a line of the protocol (4096)"},
      {"",
       {"max_connections"},
       value,
       "N",
       "a number, or -1 for no limit",
       "Connections at a time, 0 for no limit (65536)"},
      {"",
       {"max_subscriptions"},
       value,
       "N",
       "a number, or -1 for no limit",
       "Subscriptions of a connection, 0 for no limit (0)"},
      {"",
       {"ping_interval"},
       value,
       "DURATION",
       a_duration,
       "How often an idle client is asked for a sign of life (2m)"},
      {"",
       {"write_deadline"},
       value,
       "DURATION",
       a_duration,
       "How long a client may take nothing of what is sent to it (10s)"},
      {"",
       {"busy_poll"},
       value,
       "DURATION",
       "a duration, such as 50us, or 0 for never",
       "How long an idle thread looks for work before it sleeps (200us)"},
      {"Common", {"v", "version"}, toggle, "", a_boolean, "Show the version"},
      {"", {"h", "help"}, toggle, "", a_boolean, "Show this text"},
  };
  return rows;
}

/// A flag of nats-server that we don't offer yet. Its off form asks for what we do anyway.
struct refused_row {
  std::string_view name;
  shape takes;
  std::optional<std::string_view> off;  ///< of a value; a toggle is off when it is false
};

constexpr std::array refused{
    refused_row{"m", shape::value, "0"},
    refused_row{"http_port", shape::value, "0"},
    refused_row{"ms", shape::value, "0"},
    refused_row{"https_port", shape::value, "0"},
    refused_row{"c", shape::value, ""},
    refused_row{"config", shape::value, ""},
    refused_row{"t", shape::toggle, ""},
    refused_row{"sl", shape::value, {}},
    refused_row{"signal", shape::value, {}},
    refused_row{"client_advertise", shape::value, ""},
    refused_row{"log_size_limit", shape::value, "0"},
    refused_row{"s", shape::toggle, ""},
    refused_row{"syslog", shape::toggle, ""},
    refused_row{"r", shape::value, ""},
    refused_row{"remote_syslog", shape::value, ""},
    refused_row{"user", shape::value, ""},
    refused_row{"pass", shape::value, ""},
    refused_row{"auth", shape::value, ""},
    refused_row{"tls", shape::toggle, ""},
    refused_row{"tlscert", shape::value, ""},
    refused_row{"tlskey", shape::value, ""},
    refused_row{"tlsverify", shape::toggle, ""},
    refused_row{"tlscacert", shape::value, ""},
    refused_row{"help_tls", shape::toggle, ""},
    refused_row{"routes", shape::value, ""},
    refused_row{"cluster", shape::value, ""},
    refused_row{"cluster_listen", shape::value, ""},
    refused_row{"cluster_name", shape::value, ""},
    refused_row{"cluster_advertise", shape::value, ""},
    refused_row{"no_advertise", shape::toggle, ""},
    refused_row{"connect_retries", shape::value, "0"},
    refused_row{"js", shape::toggle, ""},
    refused_row{"jetstream", shape::toggle, ""},
    refused_row{"sd", shape::value, ""},
    refused_row{"store_dir", shape::value, ""},
    refused_row{"profile", shape::value, "0"},
};

/// A sentence for the user.
struct bad_usage {
  std::string text;
};

/// A value that its flag doesn't take.
struct bad_value {
  std::string_view name;
  std::string found;
};

// --- values --------------------------------------------------------------------------------------

/// As Go's strconv.ParseBool.
std::optional<bool> to_bool(std::string_view text) {
  constexpr std::array<std::string_view, 6> yes{"1", "t", "T", "true", "TRUE", "True"};
  constexpr std::array<std::string_view, 6> no{"0", "f", "F", "false", "FALSE", "False"};
  if (std::find(yes.begin(), yes.end(), text) != yes.end()) return true;
  if (std::find(no.begin(), no.end(), text) != no.end()) return false;
  return std::nullopt;
}

std::string to_lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  return out;
}

/// An integer, perhaps with a unit as in configuration files: k is 1000, kb, ki and kib are 1024.
std::optional<std::int64_t> to_integer(std::string_view text) {
  constexpr std::string_view letters = "kmgt";
  std::int64_t number = 0;
  const auto [at, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failed != std::errc{}) return std::nullopt;
  const auto unit = to_lower(text.substr(static_cast<std::size_t>(at - text.data())));
  if (unit.empty()) return number;
  const auto power = letters.find(unit.front());
  const auto rest = unit.substr(1);
  if (power == std::string_view::npos) return std::nullopt;
  if (!rest.empty() && rest != "b" && rest != "i" && rest != "ib") return std::nullopt;
  for (std::size_t i = 0; i <= power; ++i) {
    if (__builtin_mul_overflow(number, rest.empty() ? 1000 : 1024, &number)) return std::nullopt;
  }
  return number;
}

/// As Go's time.ParseDuration, without a sign; a bare number is seconds.
std::optional<std::chrono::nanoseconds> to_duration(std::string_view text) {
  struct unit_row {
    std::string_view name;
    double nanoseconds;
  };
  constexpr std::array units{
      unit_row{"ns", 1.0},        unit_row{"us", 1e3},   unit_row{"\xC2\xB5s", 1e3},
      unit_row{"\xCE\xBCs", 1e3}, unit_row{"ms", 1e6},   unit_row{"s", 1e9},
      unit_row{"m", 60e9},        unit_row{"h", 3600e9},
  };
  constexpr std::string_view number_characters = "0123456789.";
  if (text.empty()) return std::nullopt;
  double sum = 0;
  const bool is_bare = text.find_first_not_of(number_characters) == std::string_view::npos;
  while (!text.empty()) {
    const auto digits = text.substr(0, text.find_first_not_of(number_characters));
    double number = 0;
    const auto [at, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (failed != std::errc{} || at != digits.data() + digits.size()) return std::nullopt;
    text.remove_prefix(digits.size());
    const auto name = text.substr(0, text.find_first_of(number_characters));
    const auto* unit = std::find_if(units.begin(), units.end(), [&](const unit_row& row) {
      return row.name == (is_bare ? "s" : name);
    });
    if (unit == units.end()) return std::nullopt;
    sum += number * unit->nanoseconds;
    text.remove_prefix(name.size());
  }
  if (sum > 9.2e18) return std::nullopt;
  return std::chrono::nanoseconds(static_cast<std::int64_t>(sum));
}

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

/// How many characters to insert, delete or replace to get from `a` to `b`.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row.back();
}

/// The known name that is closest to `name`; empty if none is close.
std::string_view closest_name(std::string_view name) {
  std::size_t best = (name.size() + 2) / 3 + 1;
  std::string_view found;
  const auto look_at = [&](std::string_view candidate) {
    const auto distance = edit_distance(name, candidate);
    if (distance >= best || distance >= name.size()) return;
    best = distance;
    found = candidate;
  };
  for (const auto& row : offered()) {
    for (const auto candidate : row.names) look_at(candidate);
  }
  for (const auto& row : refused) look_at(row.name);
  return found;
}

// --- from nats-server's spelling to CLI11's ------------------------------------------------------

/// The command line as CLI11 understands it: `--name`, `value`, `--name`, `value`, …
struct rewritten {
  std::vector<std::string> words;
  std::vector<std::string> commands;                         ///< the words that are no flags
  std::map<std::string, std::string, std::less<>> spelling;  ///< name -> as the user wrote it
};

/// What one flag of nats-server stands for, where it is not itself.
std::vector<std::string_view> parts_of(std::string_view name) {
  if (name == "VV") return {"trace", "trace_verbose"};
  if (name == "DV") return {"debug", "trace"};
  if (name == "DVV") return {"debug", "trace", "trace_verbose"};
  return {name};
}

void check_refused(const refused_row& row,
                   std::string_view written,
                   const std::optional<std::string>& value) {
  const bool is_off =
      value && (row.takes == shape::toggle ? to_bool(*value) == false : row.off == *value);
  if (!is_off) throw bad_usage{std::string(written) + " is not supported yet"};
}

rewritten rewrite(const std::vector<std::string>& arguments) {
  rewritten out;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string_view word = arguments[i];
    if (word == "--") {
      out.commands.insert(out.commands.end(),
                          arguments.begin() + static_cast<std::ptrdiff_t>(i) + 1, arguments.end());
      break;
    }
    if (word.size() < 2 || word.front() != '-') {
      out.commands.emplace_back(word);
      continue;
    }
    const auto equals = word.find('=');
    const auto written = word.substr(0, equals);
    const auto name = written.substr(written.starts_with("--") ? 2 : 1);
    std::optional<std::string> value;
    if (equals != std::string_view::npos) value = std::string(word.substr(equals + 1));

    const auto* row = find_offered(name);
    const auto* refusal = row == nullptr ? find_refused(name) : nullptr;
    if (row == nullptr && refusal == nullptr) {
      std::string text = "unknown flag " + std::string(written) + ", expected one of --help";
      if (const auto closest = closest_name(name); !closest.empty()) {
        text += "; did you mean " + dashed(closest) + "?";
      }
      throw bad_usage{text};
    }
    const auto takes = row != nullptr ? row->takes : refusal->takes;
    if (!value && takes == shape::value && i + 1 < arguments.size()) value = arguments[++i];
    if (refusal != nullptr) {
      check_refused(*refusal, written, value);
      continue;
    }
    if (!value && takes == shape::value) {
      throw bad_usage{std::string(written) + " needs a value, expected " +
                      std::string(row->expected)};
    }
    for (const auto part : parts_of(row->names.back())) {
      out.words.push_back("--" + std::string(part));
      out.words.push_back(value.value_or("true"));
      out.spelling[std::string(part)] = written;
    }
  }
  return out;
}

// --- from CLI11 to flags -------------------------------------------------------------------------

/// Binds every flag of the table to a member.
class binder {
 public:
  explicit binder(CLI::App& app) : app_(app) {}

  void text(std::string_view name, std::string& into) {
    add(name, [&into](const std::string& found) {
      into = found;
      return true;
    });
  }
  void toggle(std::string_view name, bool& into) {
    add(name, [&into](const std::string& found) {
      const auto parsed = to_bool(found);
      if (parsed) into = *parsed;
      return parsed.has_value();
    });
  }
  template <class Integer>
  void integer(std::string_view name, Integer& into, std::int64_t min, std::int64_t max) {
    add(name, [&into, min, max](const std::string& found) {
      const auto parsed = to_integer(found);
      if (!parsed || *parsed < min || *parsed > max) return false;
      into = static_cast<Integer>(*parsed);
      return true;
    });
  }
  void duration(std::string_view name,
                std::chrono::nanoseconds& into,
                std::chrono::nanoseconds min = std::chrono::nanoseconds(1)) {
    add(name, [&into, min](const std::string& found) {
      const auto parsed = to_duration(found);
      if (!parsed || *parsed < min) return false;
      into = *parsed;
      return true;
    });
  }
  void add(std::string_view name, const std::function<bool(const std::string&)>& read) {
    app_.add_option_function<std::string>("--" + std::string(name),
                                          [name, read](const std::string& found) {
                                            if (!read(found)) throw bad_value{name, found};
                                          })
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast)
        ->trigger_on_parse();  // in the order of the command line, and each of several is checked
  }

 private:
  CLI::App& app_;
};

struct requests {
  bool help = false;
  bool version = false;
};

void read_words(std::vector<std::string> words, flags& into, requests& asked) {
  constexpr auto no_limit = std::numeric_limits<std::int64_t>::max();
  constexpr auto int_limit = std::numeric_limits<int>::max();
  CLI::App app;
  app.set_help_flag();
  binder bind(app);
  bind.add("addr", [&into](const std::string& found) {
    if (!found.empty()) into.host = found;  // empty is unset, as in Go
    return true;
  });
  bind.add("port", [&into](const std::string& found) {
    const auto parsed = to_integer(found);
    if (!parsed || *parsed < -1 || *parsed > 65535) return false;
    into.port = *parsed == 0 ? flags{}.port : static_cast<int>(*parsed);
    return true;
  });
  bind.text("name", into.name);
  bind.text("pid", into.pid_file);
  bind.text("ports_file_dir", into.ports_file_dir);
  bind.add("shards", [&into](const std::string& found) {
    const auto parsed = to_integer(found);
    into.shards.reset();
    if (found == "auto") return true;
    if (!parsed || *parsed < 1 || *parsed > 1024) return false;
    into.shards = static_cast<unsigned>(*parsed);
    return true;
  });
  bind.text("log", into.log_file);
  bind.toggle("logtime", into.logtime);
  bind.toggle("logtime_utc", into.logtime_utc);
  bind.toggle("debug", into.debug);
  bind.toggle("trace", into.trace);
  bind.toggle("trace_verbose", into.trace_verbose);
  bind.integer("max_traced_msg_len", into.max_traced_msg_len, 0, int_limit);
  bind.integer("max_payload", into.max_payload, 1, 999'999'999);
  bind.integer("max_pending", into.max_pending, 1, no_limit);
  bind.integer("max_control_line", into.max_control_line, 1, int_limit);
  bind.integer("max_connections", into.max_connections, -1, no_limit);
  bind.integer("max_subscriptions", into.max_subscriptions, -1, no_limit);
  bind.duration("ping_interval", into.ping_interval);
  bind.duration("write_deadline", into.write_deadline);
  bind.duration("busy_poll", into.busy_poll, std::chrono::nanoseconds(0));
  bind.toggle("version", asked.version);
  bind.toggle("help", asked.help);

  std::reverse(words.begin(), words.end());  // CLI11 takes them from the back
  app.parse(std::move(words));
}

void read_commands(const std::vector<std::string>& commands, requests& asked) {
  for (const auto& command : commands) {
    const auto name = to_lower(command);
    if (name == "help") {
      asked.help = true;
    } else if (name == "version") {
      asked.version = true;
    } else {
      std::string text = "unrecognized command \"" + command + "\", expected help or version";
      if (to_bool(command)) text += "; the value of a switch follows =, as in -D=false";
      throw bad_usage{text};
    }
  }
}

std::string help_text() {
  constexpr std::size_t column = 34;
  std::string out =
      "nuncio-server: a message broker that speaks the NATS protocol\n"
      "\n"
      "Usage: nuncio-server [flags] [help|version]\n";
  for (const auto& row : offered()) {
    if (!row.group.empty()) out += "\n" + std::string(row.group) + ":\n";
    std::string line = row.names.front().size() == 1 ? "  " : "      ";
    for (std::size_t i = 0; i < row.names.size(); ++i) {
      if (i != 0) line += ", ";
      line += dashed(row.names[i]);
    }
    if (!row.value_name.empty()) line += ' ' + std::string(row.value_name);
    line.resize(std::max(line.size() + 2, column), ' ');
    out += line + std::string(row.help) + '\n';
  }
  out +=
      "\n"
      "One dash or two are the same. A value follows after a blank or =; that of a switch, true "
      "or\n"
      "false, only after =, as in -D=false. Sizes may have a unit (64KB), durations too (250ms, "
      "2m);\n"
      "without one they are seconds.\n"
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

outcome fail(const std::string& sentence) {
  return print("nuncio-server: " + sentence + "\n", 1);
}

}  // namespace

outcome parse_flags(int argc, const char* const* argv) {
  rewritten line;
  try {
    line = rewrite({argv + std::min(argc, 1), argv + argc});
    outcome out;
    requests asked;
    read_words(line.words, out.options, asked);
    read_commands(line.commands, asked);
    if (asked.help) return print(help_text(), 0);
    if (asked.version) return print("nuncio-server: v" NUNCIO_VERSION "\n", 0);
    if (out.options.max_payload > out.options.max_pending) {
      return fail("--max_payload is " + std::to_string(out.options.max_payload) +
                  ", expected no more than --max_pending, which is " +
                  std::to_string(out.options.max_pending));
    }
    return out;
  } catch (const bad_usage& bad) {
    return fail(bad.text);
  } catch (const bad_value& bad) {
    const auto* row = find_offered(bad.name);  // null for a part of -VV
    return fail(line.spelling.find(bad.name)->second + ": expected " +
                std::string(row != nullptr ? row->expected : a_boolean) + ", found \"" + bad.found +
                '"');
  } catch (const CLI::ParseError& error) {
    return fail(error.what());
  }
}

}  // namespace nuncio::server::daemon
