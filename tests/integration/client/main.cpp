// The tests of the client library against a real server: the one that --server=PATH names, or
// --peer=NAME in the folder $NUNCIO_PEERS, or in that of --default-peers.
#define DOCTEST_CONFIG_IMPLEMENT
#include "fixture.hpp"

#include <doctest/doctest.h>

#include <unistd.h>

#include <cstdlib>
#include <iostream>
#include <map>
#include <string>
#include <string_view>

int main(int count, char** words) {
  std::map<std::string, std::string, std::less<>> given;
  for (int i = 1; i < count; ++i) {
    const std::string_view word = words[i];
    const auto equals = word.find('=');
    if (equals != std::string_view::npos)
      given.emplace(word.substr(0, equals), word.substr(equals + 1));
  }
  auto& program = nuncio::test::server_program();
  if (const auto peer = given.find("--peer"); peer != given.end()) {
    const char* const folder = std::getenv("NUNCIO_PEERS");  // NOLINT(concurrency-mt-unsafe)
    program = (folder != nullptr ? folder : given["--default-peers"]) + "/" + peer->second;
  } else {
    program = given["--server"];
  }
  if (::access(program.c_str(), X_OK) != 0) {
    std::cout << "SKIP " << program << " is not there\n";
    return 77;
  }
  doctest::Context context(count, words);
  return context.run();
}
