#pragma once

#include <string>

namespace nuncio::server::config {

/// What a configuration file may say, as Markdown: a table for each block.
[[nodiscard]] std::string reference();

}  // namespace nuncio::server::config
