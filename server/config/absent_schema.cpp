#include "schema.hpp"
#include "types.hpp"

#include <string>
#include <utility>
#include <vector>

// What nats-server has and we have not, or not yet. A file with it must not seem to work.
namespace nuncio::server::config {
namespace {

using enum change;

enum class form : std::uint8_t {
  any,
  boolean,
  number,
  duration,
  text,
  secret,
  texts,
  listen,
  map,
  list
};

// A key that is checked for its form only.
struct known_key {
  std::string_view names;
  form is = form::any;
  const std::vector<known_key>* inside = nullptr;  ///< of a map, or of the maps of a list
};
using known_keys = std::vector<known_key>;

void check_form(const value& found, const known_key& known, reading& to);

void check_map(const value& found, const known_keys* keys, reading& to) {
  if (found.what != kind::map) return to.expected(found, "a map { … }");
  if (keys == nullptr) return;
  const auto outer = to.key;
  for (const member& each : found.members) {
    const known_key* match = nullptr;
    std::vector<std::string_view> all;
    for (const auto& key : *keys) {
      for (const auto name : split_names(key.names)) {
        all.push_back(name);
        if (same_name(each.key, name)) match = &key;
      }
    }
    if (match != nullptr) {
      to.key = each.key;
      check_form(each.is, *match, to);
      to.key = outer;
    } else if (!each.is_variable) {
      report_unknown(each, all, to);
    }
  }
}

void check_form(const value& found, const known_key& known, reading& to) {
  const auto want = [&](bool is_right, std::string_view what) {
    if (!is_right) to.expected(found, what);
  };
  std::string secret;
  std::vector<std::string> texts;
  std::chrono::nanoseconds time{};
  switch (known.is) {
    case form::any:
      return;
    case form::boolean:
      return want(found.what == kind::boolean, "true or false");
    case form::number:
      return want(found.what == kind::integer, "a number");
    case form::duration:
      return seconds().read(found, time, to);
    case form::text:
      return want(found.what == kind::text, "a text");
    case form::secret:
      return secret_type().read(found, secret, to);
    case form::texts:
      return texts_type().read(found, texts, to);
    case form::listen:
      return want(found.what == kind::integer || found.what == kind::text,
                  "a port, or \"host:port\"");
    case form::map:
      return check_map(found, known.inside, to);
    case form::list:
      if (found.what != kind::list) return to.expected(found, "a list [ … ]");
      if (known.inside != nullptr) {
        for (const auto& each : found.items) check_map(each, known.inside, to);
      }
      return;
  }
}

const known_keys certificate_keys{{"cert_file", form::text}, {"key_file", form::text}};

const known_keys tls_keys{
    {"cert_file", form::text},
    {"key_file", form::text},
    {"ca_file", form::text},
    {"certs|certificates", form::list, &certificate_keys},
    {"verify", form::boolean},
    {"verify_and_map", form::boolean},
    {"verify_cert_and_check_known_urls", form::boolean},
    {"insecure", form::boolean},
    {"timeout", form::duration},
    {"cipher_suites", form::list},
    {"allow_insecure_cipher_suites", form::boolean},
    {"curve_preferences", form::list},
    {"min_version", form::text},
    {"handshake_first|first|immediate"},
    {"connection_rate_limit", form::number},
    {"pinned_certs", form::list},
    {"ocsp_peer"},
    {"cert_store", form::text},
    {"cert_store_skip_invalid", form::boolean},
    {"cert_match", form::text},
    {"cert_match_by", form::text},
    {"cert_match_skip_invalid", form::boolean},
    {"ca_certs_match", form::any},
};

const known_keys credentials_keys{
    {"user|username", form::text},
    {"password|pass", form::secret},
    {"nkey", form::text},
    {"token", form::secret},
    {"account", form::text},
    {"timeout", form::duration},
    {"users", form::list},
    {"proxy_required", form::boolean},
    {"default_permissions|permissions|default_permission", form::map},
};

const known_keys cluster_keys{
    {"name", form::text},
    {"listen", form::listen},
    {"host|net", form::text},
    {"port", form::number},
    {"routes", form::list},
    {"authorization", form::map, &credentials_keys},
    {"tls", form::map, &tls_keys},
    {"advertise|cluster_advertise", form::text},
    {"no_advertise", form::boolean},
    {"permissions", form::map},
    {"connect_retries", form::number},
    {"connect_backoff", form::boolean},
    {"pool_size", form::number},
    {"accounts", form::list},
    {"compression"},
    {"ping_interval", form::duration},
    {"ping_max", form::number},
    {"write_deadline", form::duration},
    {"write_timeout", form::text},
};

const known_keys proxy_keys{
    {"url", form::text},         {"username", form::text},      {"password", form::secret},
    {"timeout", form::duration}, {"tls", form::map, &tls_keys},
};

const known_keys remote_keys{
    {"url|urls", form::texts},
    {"account|local", form::text},
    {"credentials|creds", form::text},
    {"nkey|seed", form::secret},
    {"tls", form::map, &tls_keys},
    {"hub", form::boolean},
    {"deny_imports|deny_import", form::texts},
    {"deny_exports|deny_export", form::texts},
    {"no_randomize|dont_randomize", form::boolean},
    {"compression"},
    {"ws_compression|ws_compress|websocket_compression|websocket_compress", form::boolean},
    {"ws_no_masking|websocket_no_masking", form::boolean},
    {"isolate_leafnode_interest|isolate", form::boolean},
    {"request_isolation", form::boolean},
    {"first_info_timeout", form::duration},
    {"dial_timeout", form::duration},
    {"disabled", form::boolean},
    {"ignore_discovered_servers", form::boolean},
    {"proxy", form::map, &proxy_keys},
    {"jetstream_cluster_migrate|js_cluster_migrate"},
};

const known_keys leafnode_keys{
    {"listen", form::listen},
    {"host|net", form::text},
    {"port", form::number},
    {"authorization", form::map, &credentials_keys},
    {"tls", form::map, &tls_keys},
    {"advertise|leafnode_advertise", form::text},
    {"no_advertise", form::boolean},
    {"min_version|minimum_version", form::text},
    {"compression"},
    {"isolate_leafnode_interest|isolate", form::boolean},
    {"reconnect|reconnect_delay|reconnect_interval", form::duration},
    {"dial_timeout", form::duration},
    {"write_deadline", form::duration},
    {"write_timeout", form::text},
    {"remotes", form::list, &remote_keys},
};

const known_keys remote_gateway_keys{
    {"name", form::text}, {"url", form::text}, {"urls", form::list}, {"tls", form::map, &tls_keys}};

const known_keys gateway_keys{
    {"name", form::text},
    {"listen", form::listen},
    {"host|net", form::text},
    {"port", form::number},
    {"authorization", form::map, &credentials_keys},
    {"tls", form::map, &tls_keys},
    {"advertise", form::text},
    {"connect_retries", form::number},
    {"connect_backoff", form::boolean},
    {"reject_unknown_cluster|reject_unknown", form::boolean},
    {"write_deadline", form::duration},
    {"write_timeout", form::text},
    {"gateways", form::list, &remote_gateway_keys},
};

const known_keys mqtt_keys{
    {"listen", form::listen},
    {"host|net", form::text},
    {"port", form::number},
    {"no_auth_user", form::text},
    {"authorization|authentication", form::map, &credentials_keys},
    {"tls", form::map, &tls_keys},
    {"ack_wait|ackwait", form::duration},
    {"max_ack_pending|max_pending|max_inflight", form::number},
    {"js_domain", form::text},
    {"stream_replicas", form::number},
    {"consumer_replicas", form::number},
    {"consumer_memory_storage", form::boolean},
    {"consumer_inactive_threshold|consumer_auto_cleanup", form::duration},
    {"js_api_timeout|api_timeout", form::duration},
    {"reject_qos2_publish", form::boolean},
    {"downgrade_qos2_subscribe", form::boolean},
};

const known_keys jetstream_keys{
    {"enabled|enable", form::boolean},
    {"store_dir|storedir|dir", form::text},
    {"max_memory_store|max_mem_store|max_mem", form::number},
    {"max_file_store|max_file", form::number},
    {"domain", form::text},
    {"key|ek|encryption_key", form::secret},
    {"prev_key|prev_ek|prev_encryption_key", form::secret},
    {"cipher", form::text},
    {"limits", form::map},
    {"tpm", form::map},
    {"unique_tag", form::text},
    {"sync|sync_interval"},
    {"max_outstanding_catchup", form::number},
    {"max_buffered_size", form::number},
    {"max_buffered_msgs", form::number},
    {"request_queue_limit", form::number},
    {"info_queue_limit", form::number},
    {"meta_compact", form::any},
    {"meta_compact_size", form::any},
    {"meta_compact_sync", form::any},
    {"max_concurrent_io", form::any},
    {"extension_hint", form::text},
    {"strict", form::boolean},
};

const known_keys resolver_keys{
    {"type", form::text},
    {"dir", form::text},
    {"limit", form::number},
    {"ttl", form::duration},
    {"interval", form::duration},
    {"timeout", form::duration},
    {"allow_delete", form::boolean},
    {"hard_delete", form::boolean},
};

bool is_nothing(const value& found) {
  switch (found.what) {
    case kind::boolean:
      return !found.boolean;
    case kind::integer:
      return found.integer == 0;
    case kind::text:
      return found.text.empty();
    default:
      return found.items.empty() && found.members.empty();
  }
}

// Form first; then, if it asks for anything, that it isn't there.
option<settings> refused(std::string_view names,
                         form is,
                         std::string_view help,
                         const known_keys* inside = nullptr) {
  return custom_row<settings>(
      names, "refused", restart, help,
      [names, is, inside](const value& found, settings&, reading& to) {
        check_form(found, {names, is, inside}, to);
        if (is_nothing(found)) return;
        to.not_supported(found.at, is == form::secret ? to_string(found.what) : shown(found));
      });
}

option<settings> ignored(std::string_view names, form is, std::string_view help) {
  return custom_row<settings>(names, "ignored", live, help,
                              [names, is](const value& found, settings&, reading& to) {
                                check_form(found, {names, is}, to);
                              });
}

// It would be missed, but nothing is lost without it.
option<settings> missed(std::string_view names, form is, std::string_view help) {
  return custom_row<settings>(
      names, "ignored", live, help, [names, is](const value& found, settings&, reading& to) {
        check_form(found, {names, is}, to);
        if (!is_nothing(found)) {
          to.warn(found.at, "found " + shown(found) + ", which is ignored: not supported yet");
        }
      });
}

constexpr std::string_view would_be_lost =
    "is not offered: what clients believe stored would be lost";

void read_jetstream(const value& found, settings&, reading& to) {
  bool is_on = found.what == kind::map || (found.what == kind::boolean && found.boolean);
  if (found.what == kind::text) {
    is_on = same_name(found.text, "enabled") || same_name(found.text, "enable");
    const bool is_off = same_name(found.text, "disabled") || same_name(found.text, "disable");
    if (!is_on && !is_off) return to.expected(found, "true, false, enabled, disabled or a map");
  } else if (found.what == kind::map) {
    check_map(found, &jetstream_keys, to);
    for (const auto& each : found.members) {
      if (!same_name(each.key, "enabled") && !same_name(each.key, "enable")) continue;
      is_on = each.is.what != kind::boolean || each.is.boolean;
    }
  } else if (found.what != kind::boolean) {
    return to.expected(found, "true, false, enabled, disabled or a map");
  }
  if (is_on) {
    to.error(found.at, "found JetStream switched on, which " + std::string(would_be_lost));
  } else {
    to.warn(found.at, "found JetStream switched off, which it always is");
  }
}

void read_mqtt(const value& found, settings&, reading& to) {
  check_form(found, {"mqtt", form::map, &mqtt_keys}, to);
  bool is_on = false;
  for (const auto& each : found.members) {
    is_on = is_on || same_name(each.key, "listen") ||
            (same_name(each.key, "port") && !is_nothing(each.is));
  }
  if (is_on) {
    to.error(found.at, "found MQTT switched on, which " + std::string(would_be_lost));
  } else if (!is_nothing(found)) {
    to.warn(found.at, "found settings of MQTT, which is not offered");
  }
}

option<settings> tuning(std::string_view names, form is) {
  return custom_row<settings>(names, "ignored", live, "Of JetStream, which is not offered",
                              [names, is](const value& found, settings&, reading& to) {
                                check_form(found, {names, is}, to);
                                to.warn(found.at,
                                        "found a setting of JetStream, which is not offered");
                              });
}

void read_write_timeout(const value& found, settings&, reading& to) {
  if (found.what != kind::text ||
      (found.text != "default" && found.text != "close" && found.text != "retry")) {
    return to.expected(found, "default, close or retry");
  }
}

}  // namespace

const block<settings>& absent_rows() {
  static const block<settings> rows{
      refused("ocsp", form::any, "Stapling of certificates' states"),
      refused("ocsp_cache", form::any, "Cache of certificates' states"),
      refused("proxies", form::map, "Trusted proxies"),
      refused("cluster", form::map, "Routes to other nodes", &cluster_keys),
      refused("gateway", form::map, "Gateways to other clusters", &gateway_keys),
      refused("leafnodes|leaf", form::map, "Leaf nodes", &leafnode_keys),
      refused("operator|operators|root|roots|root_operator|root_operators", form::texts,
              "Operators, whose JWTs say who may connect"),
      custom_row<settings>("resolver|account_resolver|accounts_resolver", "refused", restart,
                           "Where the JWTs of accounts are",
                           [](const value& found, settings&, reading& to) {
                             if (found.what == kind::map) {
                               check_map(found, &resolver_keys, to);
                             } else if (found.what != kind::text) {
                               to.expected(found, "MEMORY, URL(…) or a map { type, … }");
                             }
                             // A URL may have a password in it.
                             to.not_supported(found.at, to_string(found.what));
                           }),
      refused("resolver_tls", form::map, "TLS to the resolver", &tls_keys),
      refused("resolver_preload", form::map, "JWTs of accounts"),
      refused("resolver_pinned_accounts", form::texts, "Accounts that may be used"),
      refused("trusted|trusted_keys", form::texts, "Keys of operators"),
      refused("default_sentinel", form::secret, "JWT of those who bring none"),
      custom_row<settings>("jetstream", "refused", restart,
                           "JetStream, which is not offered; false is accepted", read_jetstream),
      custom_row<settings>("mqtt", "refused", restart, "MQTT, which is not offered", read_mqtt),
      tuning("store_dir", form::text),
      tuning("default_js_domain", form::map),
      custom_row<settings>("write_timeout", "text", restart,
                           "default, close or retry, which are the same: who takes something of "
                           "what is sent within write_deadline stays",
                           read_write_timeout),
      missed("prof_port", form::number, "Profiling by HTTP"),
      ignored("prof_block_rate", form::number, "Of profiling, which is not offered"),
      ignored("feature_flags", form::map, "Switches for parts of nats-server"),
      ignored("disable_sublist_cache|no_sublist_cache", form::boolean,
              "Of nats-server's index of subjects; ours needs no such switch"),
      ignored("connect_error_reports", form::number,
              "Of other servers: failures for each log line"),
      ignored("reconnect_error_reports", form::number,
              "Of other servers: failures for each log line"),
  };
  return rows;
}

}  // namespace nuncio::server::config
