#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace nuncio::server::monitor {

/// Metrics as text: families with their samples, in one of the two forms that scrapers take.
///
///     exposition out(exposition::form::open_metrics);
///     out.family("nuncio_connections", exposition::kind::gauge, "Clients that are connected.");
///     out.sample({}, 3);
///     out.finish();
///
/// Source: OpenMetrics 1.0; Prometheus' text format 0.0.4.
class exposition {
 public:
  enum class form : std::uint8_t { text, open_metrics };
  enum class kind : std::uint8_t { gauge, counter, histogram };
  using label = std::pair<std::string_view, std::string_view>;

  explicit exposition(form which) : form_(which) {}

  /// What the next samples are of. `name` without the `_total` that counters have; a unit is its
  /// last word. Pre: no family comes twice.
  void family(std::string_view name, kind what, std::string_view help);
  void sample(std::initializer_list<label> labels, double value);
  void sample(std::initializer_list<label> labels, std::uint64_t value);
  void sample(std::initializer_list<label> labels, std::int64_t value);
  /// Of a histogram: how many values there were in each bucket, the last of which has no bound.
  /// Pre: as many `counts` as `bounds`, and one more.
  void buckets(std::span<const double> bounds, std::span<const std::uint64_t> counts, double sum);

  /// The whole. Nothing may be added afterwards.
  [[nodiscard]] std::string finish();
  /// Of HTTP.
  [[nodiscard]] static std::string_view content_type(form which) noexcept;
  /// What a scraper that says this wants.
  [[nodiscard]] static form form_for(std::string_view accept) noexcept;

 private:
  void line(std::string_view suffix, std::initializer_list<label> labels, std::string_view value);

  const form form_;
  std::string text_;
  std::string name_;
  kind kind_ = kind::gauge;
};

}  // namespace nuncio::server::monitor
