#include "net/tls_files.hpp"

#include "certificates.hpp"

#include <doctest/doctest.h>

#include <ctime>
#include <filesystem>
#include <string>
#include <vector>

using namespace nuncio::server;
using nuncio::test::certificates;
using outcome = tls_files::outcome;
namespace fs = std::filesystem;

namespace {

constexpr std::time_t day = 24L * 60 * 60;

// Files in use, which can be replaced.
struct fixture {
  fixture() {
    put_certificate(first);
    put_key(first);
    options.cert_file = used.certificate;
    options.key_file = used.key;
    files = tls_files::make(options, problems);
  }

  void put_certificate(const certificates::pair& from) { put(from.certificate, used.certificate); }
  void put_key(const certificates::pair& from) { put(from.key, used.key); }
  outcome look() {
    problems.clear();
    return files->look(problems);
  }

  certificates authority;
  certificates::pair first = authority.sign("DNS:a.test", 60);
  certificates::pair second = authority.sign("DNS:a.test", 10);
  certificates::pair used{first.certificate + ".used", first.key + ".used"};
  tls_options options;
  std::vector<tls_problem> problems;
  std::shared_ptr<tls_files> files;

 private:
  static void put(const std::string& from, const std::string& to) {
    fs::copy_file(from, to + ".new");
    fs::rename(to + ".new", to);
  }
};

}  // namespace

TEST_CASE("tls files: those that stay are read once") {
  fixture f;
  REQUIRE(f.files != nullptr);
  const auto before = f.files->now();
  CHECK(f.look() == outcome::same);
  CHECK(f.look() == outcome::same);
  CHECK(f.files->now() == before);
}

TEST_CASE("tls files: new ones count once they have stayed for a look") {
  fixture f;
  const auto before = f.files->now();
  f.put_certificate(f.second);
  CHECK(f.look() == outcome::same);
  f.put_key(f.second);
  CHECK(f.look() == outcome::same);
  CHECK(f.look() == outcome::renewed);
  CHECK(f.problems.empty());
  CHECK(f.files->now() != before);
  CHECK(f.look() == outcome::same);
}

TEST_CASE("tls files: what was read before differs if a file has changed since") {
  fixture f;
  CHECK_FALSE(tls_files::make(f.options, f.problems)->differs_from(*f.files));
  f.put_key(f.second);
  f.put_certificate(f.second);
  const auto next = tls_files::make(f.options, f.problems);
  REQUIRE(next != nullptr);
  CHECK(next->differs_from(*f.files));
  f.look();
  CHECK(f.look() == outcome::renewed);
  CHECK_FALSE(next->differs_from(*f.files));
}

TEST_CASE("tls files: what can't be used is said once, and the old ones are kept") {
  fixture f;
  const auto before = f.files->now();
  f.put_certificate(f.second);
  CHECK(f.look() == outcome::same);
  CHECK(f.look() == outcome::kept);
  REQUIRE(f.problems.size() == 1);
  CHECK(f.problems[0].text.find("it is not the key of the certificate") != std::string::npos);
  CHECK(f.look() == outcome::same);
  CHECK(f.files->now() == before);

  fs::remove(f.used.key);
  CHECK(f.look() == outcome::same);
  CHECK(f.look() == outcome::kept);
  CHECK(f.files->now() == before);
  f.put_key(f.second);
  CHECK(f.look() == outcome::same);
  CHECK(f.look() == outcome::renewed);
}

TEST_CASE("tls files: certificates that end within 30 days are named") {
  fixture f;
  const auto now = std::time(nullptr);
  CHECK(f.files->expiring(now).empty());
  CHECK(f.files->expiring(now + 29 * day).empty());
  const auto soon = f.files->expiring(now + 31 * day + 3600);
  REQUIRE(soon.size() == 1);
  CHECK_FALSE(soon[0].is_over);
  CHECK(soon[0].text.find(f.used.certificate + "\" expires on 20") != std::string::npos);
  CHECK(soon[0].text.find(", in 28 days") != std::string::npos);
  const auto over = f.files->expiring(now + 61 * day);
  REQUIRE(over.size() == 1);
  CHECK(over[0].is_over);
  CHECK(over[0].text.find("has expired on 20") != std::string::npos);
}
