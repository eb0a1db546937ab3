#include "schema.hpp"

#include "address_type.hpp"
#include "types.hpp"

#include <utility>

namespace nuncio::server::config {
namespace {

using enum change;

text_type server_name() {
  text_type out;
  out.expected = "a name without blanks";
  out.may_have_blanks = false;
  return out;
}

struct shards_type {
  std::string_view name = "number or auto";
  std::string expected = "auto, or a number from 1 to 1024";

  bool read_text(std::string_view text, unsigned& into) const {
    const auto got = text == "auto" ? 0 : to_integer(text).value_or(-1);
    if (text != "auto" && (got < 1 || got > 1024)) return false;
    into = static_cast<unsigned>(got);
    return true;
  }
  void read(const value& found, unsigned& into, reading& to) const {
    if (!read_text(found.text, into)) to.expected(found, expected);
  }
  [[nodiscard]] std::string show(unsigned from) const {
    return from == 0 ? "auto" : std::to_string(from);
  }
};

struct syslog_url_type {
  std::string_view name = "text";
  std::string expected = std::string(syslog_form);

  bool read_text(std::string_view text, std::string& into) const {
    if (!text.empty() && !to_syslog_address(text)) return false;
    into = text;
    return true;
  }
  void read(const value& found, std::string& into, reading& to) const {
    if (found.what != kind::text || !read_text(found.text, into)) to.expected(found, expected);
  }
  [[nodiscard]] std::string show(const std::string& from) const { return from; }
};

/// True in the file is false in the options.
struct inverted_type {
  std::string_view name = "true or false";
  std::string expected = "true or false";

  void read(const value& found, bool& into, reading& to) const {
    bool got = !into;
    boolean_type().read(found, got, to);
    into = !got;
  }
  [[nodiscard]] std::string show(bool from) const { return from ? "false" : "true"; }
};

const block<options>& node_rows() {
  static const block<options> rows = [] {
    using namespace std::chrono_literals;
    block<options> out{
        custom_row<options>("listen", "host:port", restart, "Address and port to listen on",
                            read_listen<options>),
        row("host|net|addr", &options::host, host_name(), restart,
            "Address to listen on; the default takes IPv4 and IPv6"),
        row("port", &options::port, port_number(), restart,
            "Port for clients, -1 for any free one; 0: 4222"),
        row("server_name", &options::name, server_name(), restart,
            "Name of this server; empty: its id"),
        row("client_advertise", &options::advertise, host_name(), live,
            "Address, with or without a port, that clients are told instead"),
        row("shards", &options::shards, shards_type(), restart,
            "Threads that serve connections; auto: one for each core, used under load"),
        row("busy_poll", &options::busy_poll,
            duration_from(0ns, "a duration, such as \"50us\", or 0 for never"), restart,
            "How long an idle thread looks for work before it sleeps"),
        row("max_connections|max_conn", &options::max_connections,
            number(std::numeric_limits<std::int64_t>::min()), live,
            "Clients at a time; 0 or less: no limit"),
        row("max_connections_per_address", &options::max_connections_per_address,
            number(std::numeric_limits<std::int64_t>::min()), new_connections,
            "Clients at a time from one address; 0 or less: no limit"),
        row("max_connections_per_user", &options::max_connections_per_user,
            number(std::numeric_limits<std::int64_t>::min()), new_connections,
            "Clients at a time that are the same user; 0 or less: no limit"),
        row("max_accepts", &options::max_accepts, number(std::numeric_limits<std::int64_t>::min()),
            live, "New connections each second, the others wait; 0 or less: no limit"),
        row("max_subscriptions|max_subs", &options::max_subscriptions,
            number(std::numeric_limits<std::int64_t>::min()), restart,
            "Subscriptions of a connection; 0 or less: no limit"),
        row("max_subscription_tokens|max_sub_tokens", &options::max_subscription_tokens,
            number(1, 255), restart,
            "Tokens of a subscription's subject; 0, the default: no limit"),
        row("max_control_line", &options::max_control_line, size(1, int_limit), live,
            "Length of a line of the protocol, without the verb"),
        row("max_payload", &options::max_payload, size(1, int_limit), live,
            "Size of a message, headers and payload; at most max_pending"),
        row("max_pending", &options::max_pending, size(1), restart,
            "Unsent bytes of a client before it is closed as too slow"),
        row("no_fast_producer_stall", &options::no_fast_producer_stall, boolean_type(), live,
            "Don't slow producers down whose receivers lag: what they miss is lost to those"),
        row("ping_interval", &options::ping_interval, duration(), live,
            "How often a silent client is asked for a sign of life"),
        row("ping_max", &options::ping_max, number(0, 255), live,
            "How many of these may go unanswered"),
        row("write_deadline", &options::write_deadline, duration(), live,
            "How long a client may take nothing of what is sent to it"),
        row("lame_duck_duration", &options::lame_duck_duration,
            duration_from(30s, "a duration of 30 s or more, such as \"2m\""), restart,
            "How long a lame duck takes to send its clients away"),
        row("lame_duck_grace_period", &options::lame_duck_grace_period,
            duration_from(0s, "a duration, such as \"10s\""), restart,
            "How long it waits before it begins; less than lame_duck_duration"),
        row("max_traced_msg_len", &options::max_traced_size, size(0, int_limit), live,
            "Log no more of each traced message; 0: all"),
        row("trace_headers", &options::trace_headers, boolean_type(), live,
            "Log the protocol, of messages only the headers"),
        row("no_header_support", &options::headers, inverted_type(), restart,
            "Messages have no headers"),
    };
    append_within(out, &options::access, access_rows());
    out.push_back(tls_row());
    out.push_back(websocket_row());
    out.push_back(row("allow_non_tls", &options::allow_non_tls, boolean_type(), restart,
                      "TLS is for those who want it"));
    out.push_back(row("proxy_protocol", &options::proxy_protocol, boolean_type(), restart,
                      "Believe headers of the PROXY protocol, which say who is behind a proxy"));
    append_within(out, &options::monitor, monitor_rows());
    const auto& described = description_rows();
    out.insert(out.end(), described.begin(), described.end());
    return out;
  }();
  return rows;
}

const block<log_settings>& log_rows() {
  static const block<log_settings> rows{
      row("debug", &log_settings::debug, boolean_type(), live, "Log what helps in finding faults"),
      row("trace", &log_settings::trace, boolean_type(), live, "Log the protocol"),
      row("trace_verbose", &log_settings::trace_verbose, boolean_type(), live,
          "Log the protocol, of the system account too"),
      row("logtime", &log_settings::time, boolean_type(), live, "Log the time"),
      row("logtime_utc", &log_settings::utc, boolean_type(), live,
          "Log the time as UTC, not local"),
      row("log_file|logfile", &log_settings::file, text_type(), live,
          "Log to this file instead of stderr"),
      row("log_size_limit|logfile_size_limit", &log_settings::size_limit, size(0), restart,
          "Size of a log file before it is put aside; 0: it grows"),
      row("log_max_num|logfile_max_num", &log_settings::max_files, number(0), restart,
          "Log files that are kept, the one in use included; 0: all"),
      row("syslog", &log_settings::syslog, boolean_type(), live,
          "Log to the system's log, unless there is a log_file"),
      row("remote_syslog", &log_settings::remote_syslog, syslog_url_type(), live,
          "Log to a system's log elsewhere, at udp://host:port or tcp://host:port, unless there is "
          "a log_file"),
      row("log_format", &log_settings::format,
          choice_type<log_format>{"text or json",
                                  "text or json",
                                  {{"text", log_format::text}, {"json", log_format::json}}},
          live, "How lines of the log look; json: an object a line"),
  };
  return rows;
}

}  // namespace

const block<settings>& all_options() {
  static const block<settings> rows = [] {
    block<settings> out;
    append_within(out, &settings::node, node_rows());
    append_within(out, &settings::log, log_rows());
    out.push_back(row("pid_file|pidfile", &settings::pid_file, text_type(), live,
                      "Write the process id there"));
    out.push_back(row("ports_file_dir", &settings::ports_file_dir, text_type(), live,
                      "Write <executable>_<pid>.ports, the ports in use, to this folder"));
    const auto& absent = absent_rows();
    out.insert(out.end(), absent.begin(), absent.end());
    return out;
  }();
  return rows;
}

}  // namespace nuncio::server::config
