#pragma once

#include "pages.hpp"
#include "query.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace nuncio::server::monitor {

/// A page that HTTP serves.
struct page_row {
  std::string_view path;
  std::string_view title;    ///< of the link to it; empty: none
  std::string_view counted;  ///< in http_req_stats; empty: it isn't
  std::string_view indent;   ///< of its JSON; empty: on one line
  bool is_large;             ///< as large as there are connections and accounts, or its work is
  /// Errors: page_error, at once if the query is wrong. Such are not counted.
  page (*make)(const sources& from, query& asked);
};

/// Null: there is no such page.
[[nodiscard]] const page_row* find_page(std::string_view path) noexcept;

/// Links to all of them.
[[nodiscard]] std::string index_page();

}  // namespace nuncio::server::monitor
