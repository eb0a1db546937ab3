// What README.md shows of a broker in a program.
#include <nuncio/server/server.hpp>

int main() {
  nuncio::server::silent_log log;
  nuncio::server::options settings;
  settings.port = -1;  // any free one
  nuncio::server::server node(settings, log);
  node.start();
  // ... node.port() takes NATS clients now; several nodes may live in one process ...
  node.stop();
}
