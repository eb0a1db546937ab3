#pragma once

#include <spdlog/sinks/base_sink.h>

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

namespace nuncio::server::daemon {

/// A log file that is put aside when it has grown to its limit, and that never stops the server:
/// what can't be written, as on a full disk, is counted, and said once writing works again.
class file_sink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  struct limits {
    std::int64_t size = 0;   ///< bytes; 0: it grows
    std::int64_t files = 0;  ///< that are kept, the one in use included; 0: all
  };

  /// Errors: std::runtime_error if the file can't be opened.
  file_sink(std::string path, limits most);
  ~file_sink() override;
  file_sink(const file_sink&) = delete;
  file_sink& operator=(const file_sink&) = delete;

 private:
  void sink_it_(const spdlog::details::log_msg& line) override;
  void flush_() override {}

  void write(std::string_view text);
  void put_aside();
  void remove_oldest() const;
  void say(spdlog::level::level_enum level, const std::string& text);

  const std::string path_;
  const limits most_;
  int file_ = -1;
  std::int64_t size_ = 0;
  std::uint64_t lost_ = 0;  // lines, since the last one that was written
};

}  // namespace nuncio::server::daemon
