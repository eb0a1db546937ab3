// How a run fails: the first violation of what the server owes ends it.
#pragma once

#include <cerrno>
#include <stdexcept>
#include <string>
#include <system_error>

namespace nuncio::bench {

struct failure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

[[noreturn]] inline void fail(const std::string& what) {
  throw failure(what);
}

[[noreturn]] inline void fail_by_errno(const std::string& what) {
  throw failure(what + ": " + std::system_category().message(errno));
}

}  // namespace nuncio::bench
