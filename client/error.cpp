#include <nuncio/client/error.hpp>

#include <boost/asio/error.hpp>

#include <string>

namespace nuncio::client {
namespace {

class category final : public boost::system::error_category {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "nuncio.client"; }

  [[nodiscard]] std::string message(int value) const override {
    switch (static_cast<errc>(value)) {
      case errc::closed:
        return "the connection is closed";
      case errc::disconnected:
        return "the connection was lost meanwhile";
      case errc::timed_out:
        return "the time has run out";
      case errc::no_responders:
        return "nobody answers requests to this subject";
      case errc::no_servers:
        return "no server could be reached";
      case errc::bad_options:
        return "the options can't be used";
      case errc::bad_subject:
        return "the subject can't be used";
      case errc::max_payload:
        return "the message is larger than the server takes";
      case errc::no_headers:
        return "the server doesn't support headers";
      case errc::buffer_full:
        return "too many bytes wait to be sent";
      case errc::slow_consumer:
        return "messages were dropped, since they weren't taken fast enough";
      case errc::ended:
        return "the subscription has ended";
      case errc::authorization:
        return "the server refused the credentials";
      case errc::permission:
        return "the server refused the subject";
      case errc::server_full:
        return "the server takes no more connections";
      case errc::stale:
        return "the server doesn't answer any more";
      case errc::tls_required:
        return "TLS is required, and missing here";
      case errc::tls_unavailable:
        return "the server has no TLS";
      case errc::protocol:
        return "what the server sends can't be read";
      case errc::refused:
        return "the server refused";
      case errc::bad_credentials:
        return "the credentials can't be used";
      case errc::certificate_expired:
        return "the server's certificate has expired, or isn't valid yet";
      case errc::wrong_host:
        return "the server's certificate is for another host";
      case errc::untrusted:
        return "the server's certificate isn't signed by a CA that is trusted";
    }
    return "unknown error " + std::to_string(value);
  }
};

class conditions final : public boost::system::error_category {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "nuncio.client.condition"; }

  [[nodiscard]] std::string message(int value) const override {
    return value == static_cast<int>(condition::retryable) ? "it may succeed a little later"
                                                           : "unknown condition";
  }

  [[nodiscard]] bool equivalent(const boost::system::error_code& code,
                                int value) const noexcept override {
    if (value != static_cast<int>(condition::retryable)) return false;
    if (code.category() == client::error_category()) {
      switch (static_cast<errc>(code.value())) {
        case errc::disconnected:
        case errc::timed_out:
        case errc::no_responders:
        case errc::buffer_full:
        case errc::server_full:
        case errc::stale:
          return true;
        default:
          return false;
      }
    }
    namespace error = boost::asio::error;
    return code == error::connection_refused || code == error::connection_reset ||
           code == error::connection_aborted || code == error::timed_out || code == error::eof ||
           code == error::host_unreachable || code == error::network_unreachable ||
           code == error::try_again || code == error::broken_pipe;
  }
};

}  // namespace

const boost::system::error_category& error_category() noexcept {
  static const category instance;
  return instance;
}

const boost::system::error_category& condition_category() noexcept {
  static const conditions instance;
  return instance;
}

}  // namespace nuncio::client
