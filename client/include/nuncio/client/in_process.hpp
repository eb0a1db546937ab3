#pragma once

#include <nuncio/client/transport.hpp>

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

namespace nuncio::client {

/// A byte stream to something in this process: in_process() makes one of whatever has these
/// functions, as what nuncio::server::server::connect() gives.
///
/// Nothing here blocks. Thread: one at a time.
class local_stream {
 public:
  /// What a read or write has done.
  struct result {
    std::size_t size = 0;  ///< bytes that were read or taken
    bool is_over = false;  ///< nothing will be read, or taken, any more
  };

  local_stream() = default;
  local_stream(const local_stream&) = delete;
  local_stream& operator=(const local_stream&) = delete;
  virtual ~local_stream() = default;

  /// Both functions may be called by any thread.
  virtual void listen(std::function<void()> readable, std::function<void()> writable) = 0;
  /// If nothing is there, and it isn't over, `readable` is called once something is.
  virtual result read(std::span<char> into) = 0;
  /// If it doesn't take all, and it isn't over, `writable` is called once it takes more.
  virtual result write(std::string_view bytes) = 0;
  /// Neither function is called any more once it returns.
  virtual void close() noexcept = 0;
};

/// Opens a stream with each call of `connect`, which says by a null pointer that there is nobody.
[[nodiscard]] stream_opener open_local(std::function<std::unique_ptr<local_stream>()> connect);

namespace detail {

template <class End>
class local_stream_of final : public local_stream {
 public:
  explicit local_stream_of(std::unique_ptr<End> end) : end_(std::move(end)) {}

  void listen(std::function<void()> readable, std::function<void()> writable) override {
    end_->listen(std::move(readable), std::move(writable));
  }
  result read(std::span<char> into) override {
    const auto got = end_->read(into);
    return {got.size, got.is_over};
  }
  result write(std::string_view bytes) override {
    const auto got = end_->write(bytes);
    return {got.size, got.is_over};
  }
  void close() noexcept override { end_->close(); }

 private:
  std::unique_ptr<End> end_;
};

}  // namespace detail

/// For options::open_stream: reaches a server in this process, whatever the URL says.
///
///   set.open_stream = nuncio::client::in_process([&] { return broker.connect(); });
///
/// `connect` gives a std::unique_ptr to what has the functions of local_stream, or to nothing,
/// which is a refused connection.
/// Thread:   `connect` is called on the connection's executor, for each attempt.
/// Lifetime: what `connect` uses, as long as the connection.
template <class Connect>
[[nodiscard]] stream_opener in_process(Connect connect) {
  return open_local([connect = std::move(connect)]() mutable -> std::unique_ptr<local_stream> {
    auto end = connect();
    if (!end) return nullptr;
    using type = std::remove_reference_t<decltype(*end)>;
    return std::make_unique<detail::local_stream_of<type>>(std::move(end));
  });
}

}  // namespace nuncio::client
