#include "log.hpp"

#include <doctest/doctest.h>

#include <cstdarg>
#include <cstdio>
#include <string>
#include <vector>

using namespace nuncio::server;
using nuncio::server::config::log_format;
using nuncio::server::daemon::log;

namespace {

std::vector<std::string>& system_lines() {
  static std::vector<std::string> lines;
  return lines;
}

void keep(const char* format, std::va_list values) {
  std::vector<char> text(10'000);
  std::vsnprintf(text.data(), text.size(), format, values);
  system_lines().emplace_back(text.data());
}

std::string in_system_log(log_format format, std::string_view text) {
  config::log_settings settings;
  settings.syslog = true;
  settings.format = format;
  settings.time = false;
  system_lines().clear();
  log(settings).write(log_level::info, text);
  REQUIRE(system_lines().size() == 1);
  return system_lines().front();
}

constexpr std::string_view forged = "a\nforged \x1b[2J \"b\"";

}  // namespace

// Instead of the C library's, also where its headers check formats.
extern "C" {
// NOLINTNEXTLINE(cert-dcl50-cpp)
void syslog(int, const char* format, ...) {
  std::va_list values;
  va_start(values, format);
  keep(format, values);
  va_end(values);
}
// NOLINTNEXTLINE(cert-dcl50-cpp,bugprone-reserved-identifier)
void __syslog_chk(int, int, const char* format, ...) {
  std::va_list values;
  va_start(values, format);
  keep(format, values);
  va_end(values);
}
}

TEST_CASE("log: a line of the system's log is its text, on one line") {
  CHECK(in_system_log(log_format::text, forged) == R"(a\nforged \x1b[2J "b")");
}

TEST_CASE("log: as JSON the system's log has an object in each line") {
  const auto line = in_system_log(log_format::json, forged);
  CAPTURE(line);
  CHECK(line.starts_with(R"({"level":"info","pid":)"));
  CHECK(line.ends_with(R"("message":"a\u000aforged \u001b[2J \"b\""})"));
}
