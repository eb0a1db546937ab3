#include "look_up.hpp"

#include <algorithm>
#include <utility>

namespace nuncio::rpc {
namespace {

// How long after the last answer there may be another one, and how long all of them may take.
constexpr std::chrono::milliseconds longest_gap{50};
constexpr std::chrono::milliseconds longest_wait{500};
// So that calls of an endpoint that nobody has don't keep all instances busy with answering.
constexpr std::chrono::seconds fresh{1};

}  // namespace

/// `$SRV.INFO.<service>`, and the answers.
class info_request final : public client::mux_call {
 public:
  info_request(std::shared_ptr<look_up> by, time now)
      : mux_call(now + longest_wait), by_(std::move(by)), end_(now + longest_wait) {}

  std::optional<time> on_answer(const message_view& m, time now) override {
    if (client::is_no_responders(m)) {
      by_->on_end(was_answered_, now);
      return std::nullopt;
    }
    was_answered_ = true;
    by_->on_info(m.payload);
    return std::min(end_, now + longest_gap);
  }
  std::optional<time> on_time(time now) override {
    by_->on_end(was_answered_, now);
    return std::nullopt;
  }
  void on_failure(boost::system::error_code) override { by_->on_end(false, time()); }

 private:
  std::shared_ptr<look_up> by_;
  time end_;
  bool was_answered_ = false;
};

look_up::look_up(client::driver& home, const std::string& service)
    : home_(home), service_(service), directory_(service) {}

std::optional<std::string_view> look_up::find_instead(std::string_view endpoint,
                                                      std::string_view tried) {
  directory_.forget(endpoint, tried);
  return directory_.find(endpoint, tried);
}

bool look_up::wait(waiting_call& call, bool may_ask, time now) {
  if (!is_asking_) {
    const bool is_fresh = answered_ && now - *answered_ < fresh;
    const bool can_ask = home_.is_open() && protocol::is_service_name(service_);
    if (!may_ask || is_fresh || !can_ask) return false;
    directory_.clear();
    std::unique_ptr<client::mux_call> request =
        std::make_unique<info_request>(shared_from_this(), now);
    if (home_.start(request, {.subject = "$SRV.INFO." + service_}).error) return false;
    is_asking_ = true;
  }
  waiting_.push_back(call);
  return true;
}

void look_up::on_info(std::string_view answer) {
  const auto said = protocol::parse_info_response(answer);
  if (!said) return;
  directory_.add(*said);
  wake();
}

void look_up::on_end(bool was_answered, time now) {
  is_asking_ = false;
  if (was_answered) answered_ = now;
  wake();
}

// Who isn't content with what there is comes back.
void look_up::wake() {
  auto woken = std::move(waiting_);
  while (!woken.empty()) {
    auto& call = woken.front();
    woken.pop_front();
    call.on_opened();
  }
}

}  // namespace nuncio::rpc
