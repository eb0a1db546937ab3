// In place of tls.cpp where the library is built without OpenSSL.
#include "tls.hpp"

#include <nuncio/client/error.hpp>

#include <boost/asio/post.hpp>

#include <utility>

namespace nuncio::client {

class tls_context {};

boost::system::result<std::shared_ptr<tls_context>> make_tls_context(const tls_options&,
                                                                     std::string& why) {
  why = "this library was built without TLS";
  return errc::tls_required;
}

// Never called, as there is no context.
void start_tls(std::unique_ptr<transport>,
               const boost::asio::any_io_executor& executor,
               const std::shared_ptr<tls_context>&,
               const std::string&,
               stream_handler done) {
  boost::asio::post(executor, [done = std::move(done)]() mutable {
    std::move(done)(errc::tls_required, nullptr);
  });
}

}  // namespace nuncio::client
