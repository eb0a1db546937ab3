#include "times.hpp"

#include <fmt/format.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <string_view>

namespace nuncio::server::monitor {
namespace {

using namespace std::chrono;

// `fraction` of `digits` digits, as `.5`; nothing if it is 0.
std::string fraction_text(std::uint64_t fraction, int digits) {
  if (fraction == 0) return {};
  auto out = fmt::format(".{:0{}}", fraction, digits);
  out.resize(out.find_last_not_of('0') + 1);
  return out;
}

std::string below_a_second(std::uint64_t ns) {
  if (ns < 1'000) return fmt::format("{}ns", ns);
  if (ns < 1'000'000) return fmt::format("{}{}µs", ns / 1'000, fraction_text(ns % 1'000, 3));
  return fmt::format("{}{}ms", ns / 1'000'000, fraction_text(ns % 1'000'000, 6));
}

}  // namespace

std::string to_go_text(nanoseconds time) {
  constexpr std::uint64_t second = 1'000'000'000;
  // Not by abs(), which the smallest has none of.
  const auto count = static_cast<std::uint64_t>(time.count());
  const auto ns = time.count() < 0 ? 0 - count : count;
  const std::string_view sign = time.count() < 0 ? "-" : "";
  if (ns == 0) return "0s";
  if (ns < second) return fmt::format("{}{}", sign, below_a_second(ns));
  const auto all = ns / second;
  const auto seconds = fmt::format("{}{}s", all % 60, fraction_text(ns % second, 9));
  if (all < 60) return fmt::format("{}{}", sign, seconds);
  if (all < 3600) return fmt::format("{}{}m{}", sign, all / 60, seconds);
  return fmt::format("{}{}h{}m{}", sign, all / 3600, all / 60 % 60, seconds);
}

std::string to_uptime(nanoseconds time) {
  const auto all = duration_cast<seconds>(time).count();
  const auto minutes = all / 60;
  const auto hours = minutes / 60;
  const auto days = hours / 24;
  const auto years = days / 365;
  std::string out;
  if (years > 0) out += fmt::format("{}y", years);
  if (days > 0) out += fmt::format("{}d", days % 365);
  if (hours > 0) out += fmt::format("{}h", hours % 24);
  if (minutes > 0) out += fmt::format("{}m", minutes % 60);
  return out + fmt::format("{}s", all % 60);
}

std::string to_rfc3339(system_clock::time_point when) {
  const auto day = floor<days>(when);
  const year_month_day date(day);
  const hh_mm_ss time(when - day);
  const auto ns = duration_cast<nanoseconds>(time.subseconds()).count();
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}{}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     time.hours().count(), time.minutes().count(), time.seconds().count(),
                     fraction_text(static_cast<std::uint64_t>(ns), 9));
}

std::string to_http_date(system_clock::time_point when) {
  constexpr std::array<std::string_view, 7> weekdays{"Sun", "Mon", "Tue", "Wed",
                                                     "Thu", "Fri", "Sat"};
  constexpr std::array<std::string_view, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                    "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto day = floor<days>(when);
  const year_month_day date(day);
  const hh_mm_ss time(floor<seconds>(when - day));
  return fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT",
                     weekdays.at(weekday(day).c_encoding()), static_cast<unsigned>(date.day()),
                     months.at(static_cast<unsigned>(date.month()) - 1),
                     static_cast<int>(date.year()), time.hours().count(), time.minutes().count(),
                     time.seconds().count());
}

}  // namespace nuncio::server::monitor
