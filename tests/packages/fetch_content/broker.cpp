#include <nuncio/server/server.hpp>

#include <iostream>

int main() {
  nuncio::server::silent_log log;
  nuncio::server::options settings;
  settings.port = -1;  // any free one
  nuncio::server::server node(settings, log);
  node.start();
  std::cout << "port " << (node.port() != 0 ? "found" : "missing") << '\n';
  node.stop();
}
