#pragma once

#include <string>
#include <system_error>

/// What a process may write, found out without writing.
namespace nuncio::server::config {

/// Why files can't be made in a folder; nothing if they can.
[[nodiscard]] std::error_code why_no_files_in(const std::string& folder);

/// Why a file can't be put there, in place of what may be there; nothing if it can.
[[nodiscard]] std::error_code why_not_put(const std::string& file);

/// Why a file can't be opened for writing, whether it is there or not; nothing if it can.
[[nodiscard]] std::error_code why_not_opened(const std::string& file);

}  // namespace nuncio::server::config
