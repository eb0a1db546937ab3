#pragma once

#include <nuncio/client/options.hpp>
#include <nuncio/client/transport.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/system/result.hpp>

#include <memory>
#include <string>

namespace nuncio::client {

/// Whom to trust and who we are, as the options say: what handshakes need, read from its files.
class tls_context;

/// Errors:  errc::bad_credentials for a file that can't be used, errc::tls_required if the library
///          was built without TLS; `why` is a sentence for the user.
[[nodiscard]] boost::system::result<std::shared_ptr<tls_context>> make_tls_context(
    const tls_options& set, std::string& why);

/// Goes on inside of TLS over `below`, once the peer has proved to be `host`.
///
/// Errors:  errc::certificate_expired, wrong_host, untrusted; errc::tls_unavailable if the peer
///          doesn't speak TLS; OpenSSL's own, with the alert that a server sent.
/// Cancel:  the handler's slot, terminal.
void start_tls(std::unique_ptr<transport> below,
               const boost::asio::any_io_executor& executor,
               const std::shared_ptr<tls_context>& with,
               const std::string& host,
               stream_handler done);

}  // namespace nuncio::client
