#pragma once

#include "in_force.hpp"
#include "tls_files.hpp"

#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <memory>
#include <string_view>

namespace nuncio::server {

struct node;

/// Looks every two seconds whether files of TLS have changed, and every day whether a certificate
/// is about to expire. The timer is the first shard's, the work is done on the auxiliary thread.
/// Without TLS there is no timer.
class certificate_watch {
 public:
  explicit certificate_watch(node& owner);
  certificate_watch(const certificate_watch&) = delete;
  certificate_watch& operator=(const certificate_watch&) = delete;
  ~certificate_watch() = default;

  /// Any thread, while the shards run: the rules may have TLS now.
  void wake();
  /// As listener::close(). A look may be under way on the auxiliary thread afterwards.
  void stop();

 private:
  using clock = std::chrono::steady_clock;

  void wait();
  void look();
  void look_at(tls_files* files, std::string_view whose, bool is_daily) const;

  node& node_;
  boost::asio::steady_timer timer_;
  bool is_running_ = false;
  bool stopped_ = false;
  clock::time_point last_daily_;  // of the auxiliary thread
};

}  // namespace nuncio::server
