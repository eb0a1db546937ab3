#include "rpc/service_directory.hpp"

#include <doctest/doctest.h>

#include <string>

using nuncio::protocol::service_info;
using nuncio::rpc::service_directory;

namespace {

service_info info(const std::string& service, const std::string& endpoint, const std::string& at) {
  service_info out;
  out.identity.name = service;
  out.endpoints.push_back({.name = endpoint, .subject = at});
  return out;
}

}  // namespace

TEST_CASE("service_directory: it finds what an instance has said") {
  service_directory it("calc");
  CHECK_FALSE(it.find("add").has_value());
  it.add(info("calc", "add", "sums"));
  CHECK(it.find("add") == "sums");
  CHECK_FALSE(it.find("sub").has_value());
  CHECK_FALSE(it.find("add", "sums").has_value());
  it.clear();
  CHECK_FALSE(it.find("add").has_value());
}

TEST_CASE("service_directory: several answers merge, and each subject is found in its turn") {
  service_directory it("calc");
  it.add(info("calc", "add", "one"));
  it.add(info("calc", "add", "two"));
  it.add(info("calc", "add", "one"));
  it.add(info("calc", "sub", "three"));
  CHECK(it.find("add") == "one");
  CHECK(it.find("add", "one") == "two");
  it.forget("add", "one");
  CHECK(it.find("add") == "two");
  it.forget("add", "two");
  CHECK_FALSE(it.find("add").has_value());
  it.forget("add", "two");
  CHECK(it.find("sub") == "three");
}

TEST_CASE("service_directory: other services, and subjects that can't be called, are passed over") {
  service_directory it("calc");
  it.add(info("calculator", "add", "sums"));
  for (const std::string subject : {"", "a.*", "a.>", "a..b", "a b"}) {
    CAPTURE(subject);
    it.add(info("calc", "add", subject));
  }
  it.add(info("calc", "add", std::string(257, 'a')));
  CHECK_FALSE(it.find("add").has_value());
}

TEST_CASE("service_directory: what it keeps is bounded") {
  service_directory it("calc");
  for (int i = 0; i < 100; ++i) it.add(info("calc", "add", "s" + std::to_string(i)));
  std::size_t subjects = 0;
  while (const auto found = it.find("add")) {
    it.forget("add", std::string(*found));
    ++subjects;
  }
  CHECK(subjects == service_directory::max_subjects);
  for (int i = 0; i < 2000; ++i) it.add(info("calc", "e" + std::to_string(i), "s"));
  CHECK(it.find("e1023") == "s");
  CHECK_FALSE(it.find("e1024").has_value());
}
