#pragma once

#include <nuncio/protocol/url.hpp>

#include <boost/system/result.hpp>

#include <functional>
#include <string>
#include <string_view>

namespace nuncio::client {

/// As whom to greet a server. What is empty isn't said; a server takes what it was set up for.
struct credentials {
  std::string user;       ///< with a password
  std::string password;   ///< of `user`
  std::string token;      ///< instead of a user
  std::string jwt;        ///< of a user, where servers work in operator mode
  std::string nkey_seed;  ///< `SU…`: signs what the server asks to be signed
  std::string nkey;       ///< the public key `U…` that `sign` signs with; not beside a seed
  /// Instead of a seed, for keys that are kept elsewhere: the 64 bytes of the ed25519 signature of
  /// `nonce`, or why there is none. Called on the connection's executor, where nothing else happens
  /// meanwhile.
  std::function<boost::system::result<std::string>(std::string_view nonce)> sign;
};

/// Gives the credentials for a server; called anew for each attempt to connect, so that they may
/// change. What it returns as an error is that of the attempt.
///
/// Thread:  the connection's executor, where nothing else happens meanwhile: what takes long to
///          fetch is better fetched before, and only handed out here.
using credentials_source =
    std::function<boost::system::result<credentials>(const protocol::server_url& server)>;

}  // namespace nuncio::client
