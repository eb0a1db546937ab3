#pragma once

#include <string>
#include <string_view>

namespace nuncio::protocol {

/// What a client says in CONNECT. The defaults are what a server assumes of a client that says
/// nothing. Fields are named as the JSON keys.
/// Source: NATS client protocol, CONNECT; nats-server 2.15.2, server/client.go, `ClientOpts`.
struct connect_options {
  /// The key of the same name.
  ///@{
  bool verbose = true;
  bool pedantic = true;
  bool echo = true;
  bool tls_required = false;
  bool headers = false;
  bool no_responders = false;
  int protocol = 0;
  std::string name;
  std::string lang;
  std::string version;
  std::string user;
  std::string pass;
  std::string auth_token;
  std::string jwt;
  std::string nkey;
  std::string sig;
  std::string proxy_sig;
  ///@}
  bool has_account = false;  ///< the obsolete `account` or `new_account` was given

  friend bool operator==(const connect_options&, const connect_options&) = default;
};

/// Reads the JSON object of a CONNECT line over what `into` holds, as lenient as Go's
/// encoding/json.
///
/// Unknown keys are passed over, keys match in any case, null and absence leave a field as it is,
/// and bytes that are not UTF-8 become U+FFFD.
/// Errors:  false for bad JSON or a value of the wrong type; `into` is unchanged then.
/// Thread:  any.
/// Source:  nats-server 2.15.2, server/client.go, processConnect.
[[nodiscard]] bool parse_connect(std::string_view json, connect_options& into);

/// The same object for people to see: values of `pass`, `auth_token`, `jwt`, `sig` and `proxy_sig`
/// are
/// `[REDACTED]`. What isn't an object is so as a whole.
/// Thread:  any.
[[nodiscard]] std::string without_secrets(std::string_view json);

/// The JSON object of a CONNECT line, on one line. All that clients usually say is said explicitly;
/// credentials only where there are any. `has_account` is not written.
/// Thread:  any.
[[nodiscard]] std::string to_json(const connect_options& options);

}  // namespace nuncio::protocol
