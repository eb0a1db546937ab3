#include "reading.hpp"

#include "conversions.hpp"
#include "parsing.hpp"

namespace nuncio::server::config {

std::string shown(const value& found) {
  switch (found.what) {
    case kind::boolean:
      return found.boolean ? "true" : "false";
    case kind::integer:
    case kind::real:
    case kind::time:
    case kind::text:
      if (found.is_from_environment) {
        return std::string(to_string(found.what)) + " from the environment";
      }
      return found.what == kind::text ? quote(found.text) : found.text;
    case kind::list:
    case kind::map:
      return std::string(to_string(found.what));
  }
  return "?";
}

void reading::add(const place& at, std::string text, bool is_warning) {
  if (++(is_warning ? warnings_ : errors_) > most_problems) return;
  if (!key.empty()) text = std::string(key) + ": " + text;
  problems_.push_back({at, std::move(text), is_warning});
}

void reading::expected(const value& found, std::string_view what) {
  error(found.at, "found " + shown(found) + ", expected " + std::string(what));
}

void reading::not_supported(const place& at, std::string_view what) {
  error(at, "found " + std::string(what) + ", which is not supported yet");
}

}  // namespace nuncio::server::config
