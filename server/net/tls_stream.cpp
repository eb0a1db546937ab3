#include "tls_stream.hpp"

namespace nuncio::server {

void tls_stream::wait_readable(stream_events& who) {
  if (!session_->read_wants_write()) return socket_->wait_readable(who);
  reader_ = &who;
  socket_->wait_writable(*this);
}

void tls_stream::shutdown() {
  session_->say_goodbye();
  socket_->shutdown();
}

}  // namespace nuncio::server
