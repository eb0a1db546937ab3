#pragma once

#include <boost/system/error_code.hpp>
#include <boost/system/error_condition.hpp>

#include <cstdint>

namespace nuncio::client {

/// What can go wrong in a connection and its operations. What sockets and name resolution report
/// comes as their own error codes.
enum class errc : std::uint8_t {
  closed = 1,           ///< the connection was closed by this program, or gave up reconnecting
  disconnected,         ///< the connection was lost while the operation was under way
  timed_out,            ///< the time given has passed
  no_responders,        ///< nobody is subscribed to the subject of a request
  no_servers,           ///< every server has been tried as often as the options allow
  bad_options,          ///< the options contradict themselves or can't be read
  bad_subject,          ///< a subject, reply, queue group or header can't be sent as it is
  max_payload,          ///< the message is larger than the server takes
  no_headers,           ///< the message has headers and the server knows none
  buffer_full,          ///< as many bytes wait to be sent as the options allow
  slow_consumer,        ///< messages of the subscription were dropped; those behind them still come
  ended,                ///< the subscription has ended and all its messages were taken
  authorization,        ///< the server refused the credentials
  permission,           ///< the server refused this subject
  server_full,          ///< the server, or the account, takes no more connections
  stale,                ///< the peer hasn't answered PINGs
  tls_required,         ///< TLS is needed and this library was built without it
  tls_unavailable,      ///< the options ask for TLS and the server has none
  protocol,             ///< what the peer sends can't be read
  refused,              ///< the server said -ERR and closed; status events have its words
  bad_credentials,      ///< the credentials of this program can't be read, or can't sign
  certificate_expired,  ///< the server's certificate is out of date, or not valid yet
  wrong_host,           ///< the server's certificate is for another host
  untrusted,            ///< nobody who is trusted vouches for the server's certificate
};

/// What one usually wants to know of an error.
enum class condition : std::uint8_t {
  retryable = 1,  ///< the same may succeed a little later
};

[[nodiscard]] const boost::system::error_category& error_category() noexcept;
[[nodiscard]] const boost::system::error_category& condition_category() noexcept;

[[nodiscard]] inline boost::system::error_code make_error_code(errc code) noexcept {
  return {static_cast<int>(code), error_category()};
}
[[nodiscard]] inline boost::system::error_condition make_error_condition(condition what) noexcept {
  return {static_cast<int>(what), condition_category()};
}

}  // namespace nuncio::client

/// @cond
template <>
struct boost::system::is_error_code_enum<nuncio::client::errc> : std::true_type {};
template <>
struct boost::system::is_error_condition_enum<nuncio::client::condition> : std::true_type {};
/// @endcond
