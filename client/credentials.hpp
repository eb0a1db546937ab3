#pragma once

#include <nuncio/client/auth.hpp>
#include <nuncio/client/options.hpp>
#include <nuncio/protocol/connect.hpp>

#include <boost/system/result.hpp>

#include <string>
#include <string_view>

namespace nuncio::client {

/// What the options say for an attempt at `server`; reads the files that they name.
/// Errors:  errc::bad_credentials, and `why` is a sentence for the user that holds no secret; what
///          a user's function returns.
[[nodiscard]] boost::system::result<credentials> load_credentials(
    const options& set, const protocol::server_url& server, std::string& why);

/// Puts them into what CONNECT says. `nonce` is what the server asks to be signed; empty if it asks
/// for nothing, and then nothing is signed.
/// Errors:  errc::bad_credentials, if the seed can't be read or the signature has a wrong size;
/// what
///          a user's function returns.
/// Source:  NATS client protocol, CONNECT; its authentication, section 4.2.
boost::system::error_code say_credentials(const credentials& who,
                                          std::string_view nonce,
                                          protocol::connect_options& into);

}  // namespace nuncio::client
