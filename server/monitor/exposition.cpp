#include "exposition.hpp"

#include <fmt/format.h>

#include <cmath>

namespace nuncio::server::monitor {
namespace {

void append_escaped(std::string& to, std::string_view text, bool in_quotes) {
  for (const char c : text) {
    if (c == '\\') {
      to += "\\\\";
    } else if (c == '\n') {
      to += "\\n";
    } else if (c == '"' && in_quotes) {
      to += "\\\"";
    } else {
      to += c;
    }
  }
}

std::string number(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value < 0 ? "-Inf" : "+Inf";
  return fmt::format("{}", value);
}

std::string_view name_of(exposition::kind what) noexcept {
  switch (what) {
    case exposition::kind::gauge:
      return "gauge";
    case exposition::kind::counter:
      return "counter";
    case exposition::kind::histogram:
      return "histogram";
  }
  return "unknown";
}

}  // namespace

void exposition::family(std::string_view name, kind what, std::string_view help) {
  name_ = name;
  kind_ = what;
  // The older form calls a family as its samples are called.
  const bool has_suffix = what == kind::counter && form_ == form::text;
  const auto shown = name_ + (has_suffix ? "_total" : "");
  text_.append("# HELP ").append(shown).append(" ");
  append_escaped(text_, help, form_ == form::open_metrics);
  text_.append("\n# TYPE ").append(shown).append(" ").append(name_of(what)).append("\n");
}

void exposition::sample(std::initializer_list<label> labels, double value) {
  line(kind_ == kind::counter ? "_total" : "", labels, number(value));
}

void exposition::sample(std::initializer_list<label> labels, std::uint64_t value) {
  line(kind_ == kind::counter ? "_total" : "", labels, std::to_string(value));
}

void exposition::sample(std::initializer_list<label> labels, std::int64_t value) {
  line(kind_ == kind::counter ? "_total" : "", labels, std::to_string(value));
}

void exposition::buckets(std::span<const double> bounds,
                         std::span<const std::uint64_t> counts,
                         double sum) {
  std::uint64_t so_far = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    so_far += counts[i];
    const auto bound = i < bounds.size() ? number(bounds[i]) : "+Inf";
    line("_bucket", {{"le", bound}}, std::to_string(so_far));
  }
  line("_count", {}, std::to_string(so_far));
  line("_sum", {}, number(sum));
}

void exposition::line(std::string_view suffix,
                      std::initializer_list<label> labels,
                      std::string_view value) {
  text_.append(name_).append(suffix);
  char before = '{';
  for (const auto& [name, is] : labels) {
    text_ += before;
    text_.append(name).append("=\"");
    append_escaped(text_, is, true);
    text_ += '"';
    before = ',';
  }
  if (labels.size() != 0) text_ += '}';
  text_.append(" ").append(value).append("\n");
}

std::string exposition::finish() {
  if (form_ == form::open_metrics) text_ += "# EOF\n";
  return std::move(text_);
}

std::string_view exposition::content_type(form which) noexcept {
  return which == form::open_metrics ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
                                     : "text/plain; version=0.0.4; charset=utf-8";
}

exposition::form exposition::form_for(std::string_view accept) noexcept {
  return accept.find("application/openmetrics-text") == std::string_view::npos ? form::text
                                                                               : form::open_metrics;
}

}  // namespace nuncio::server::monitor
