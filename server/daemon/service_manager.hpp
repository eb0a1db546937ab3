#pragma once

#include <string_view>

namespace nuncio::server::daemon {

/// Tells the service manager that started this process how it is: `READY=1`, `STOPPING=1`, several
/// lines. Does nothing where there is none, or it doesn't listen.
/// Source: sd_notify(3), "Notes": the protocol is stable, and may be spoken without its library.
void tell_service_manager(std::string_view state) noexcept;

}  // namespace nuncio::server::daemon
