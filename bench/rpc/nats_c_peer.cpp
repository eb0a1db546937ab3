// The NATS C client's side of the comparison; the body is packed by hand.
//
//   rpc_nats_c serve sync|async|asap URL                 prints `ready 0`
//   rpc_nats_c call sync|async|asap URL [--connections N] [--outstanding N] [--seconds S]
//
// asap: sync, and everything is written at once.
#include "measuring.hpp"

#include <nats/nats.h>

#include <thread>

using nuncio::bench::flags;
using nuncio::bench::steady_clock;
using nuncio::bench::tally;

namespace {

constexpr const char* subject = "echo.unary";

void must(natsStatus status) {
  if (status != NATS_OK) nuncio::bench::fail(natsStatus_GetText(status));
}

std::string pack(std::int32_t a, std::int32_t b) {
  std::string out(2 * sizeof a, '\0');
  std::memcpy(out.data(), &a, sizeof a);
  std::memcpy(out.data() + sizeof a, &b, sizeof b);
  return out + nuncio::bench::text;
}

void check(const natsMsg* m, std::int32_t a, std::int32_t b) {
  std::int32_t sum = 0;
  const std::string_view got(natsMsg_GetData(m),
                             static_cast<std::size_t>(natsMsg_GetDataLength(m)));
  if (got.size() < sizeof sum) nuncio::bench::fail("a reply is too short");
  std::memcpy(&sum, got.data(), sizeof sum);
  if (sum != a + b || got.substr(sizeof sum) != nuncio::bench::text) {
    nuncio::bench::fail("a reply is not what was asked for");
  }
}

void answer(natsConnection* nc, natsSubscription*, natsMsg* m, void*) {
  const std::string_view got(natsMsg_GetData(m),
                             static_cast<std::size_t>(natsMsg_GetDataLength(m)));
  std::int32_t a = 0;
  std::int32_t b = 0;
  std::memcpy(&a, got.data(), sizeof a);
  std::memcpy(&b, got.data() + sizeof a, sizeof b);
  const std::int32_t sum = a + b;
  std::string out(reinterpret_cast<const char*>(&sum), sizeof sum);
  out += got.substr(2 * sizeof a);
  must(natsConnection_Publish(nc, natsMsg_GetReply(m), out.data(), static_cast<int>(out.size())));
  natsMsg_Destroy(m);
}

natsConnection* connect(const char* url, bool asap) {
  natsOptions* options = nullptr;
  must(natsOptions_Create(&options));
  must(natsOptions_SetURL(options, url));
  must(natsOptions_SetSendAsap(options, asap));
  natsConnection* nc = nullptr;
  must(natsConnection_Connect(&nc, options));
  return nc;
}

void call_blocking(natsConnection* nc, tally& all, std::int32_t a) {
  for (std::int32_t b = 0; !all.is_over(); ++b) {
    const auto body = pack(a, b);
    natsMsg* reply = nullptr;
    const auto began = steady_clock::now();
    must(natsConnection_Request(&reply, nc, subject, body.data(), static_cast<int>(body.size()),
                                5000));
    check(reply, a, b);
    all.note_call(began);
    natsMsg_Destroy(reply);
  }
}

/// The cheapest way to use it: replies come on one wildcard subscription, whose callback makes the
/// next call.
class lanes {
 public:
  lanes(natsConnection* nc, tally& all, int outstanding)
      : nc_(nc), all_(all), b_(static_cast<std::size_t>(outstanding)), began_(b_.size()) {
    char* inbox = nullptr;
    must(natsInbox_Create(&inbox));
    inbox_ = inbox;
    natsInbox_Destroy(inbox);
    natsSubscription* unused = nullptr;
    must(natsConnection_Subscribe(&unused, nc, (inbox_ + ".*").c_str(), on_reply, this));
    must(natsConnection_Flush(nc));
    for (std::size_t i = 0; i < b_.size(); ++i) next(i);
  }

 private:
  static void on_reply(natsConnection*, natsSubscription*, natsMsg* m, void* self) {
    auto& it = *static_cast<lanes*>(self);
    const auto lane =
        static_cast<std::size_t>(std::atoi(natsMsg_GetSubject(m) + it.inbox_.size() + 1));
    check(m, static_cast<std::int32_t>(lane), it.b_[lane]);
    natsMsg_Destroy(m);
    it.all_.note_call(it.began_[lane]);
    it.next(lane);
  }
  void next(std::size_t lane) {
    if (all_.is_over()) return;
    const auto body = pack(static_cast<std::int32_t>(lane), ++b_[lane]);
    began_[lane] = steady_clock::now();
    must(natsConnection_PublishRequest(nc_, subject, (inbox_ + "." + std::to_string(lane)).c_str(),
                                       body.data(), static_cast<int>(body.size())));
  }

  natsConnection* nc_;
  tally& all_;
  std::string inbox_;
  std::vector<std::int32_t> b_;
  std::vector<steady_clock::time_point> began_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) nuncio::bench::fail("rpc_nats_c serve|call sync|async|asap URL");
  const std::string what = argv[1];
  const std::string_view how = argv[2];
  const bool asap = how == "asap";
  if (what == "serve") {
    auto* const nc = connect(argv[3], asap);
    natsSubscription* unused = nullptr;
    must(natsConnection_QueueSubscribe(&unused, nc, subject, "q", answer, nullptr));
    must(natsConnection_Flush(nc));
    std::cout << "ready 0" << std::endl;
    for (;;) std::this_thread::sleep_for(std::chrono::hours(1));
  }
  const flags set(argc, argv, 4);
  auto& all = *new tally;
  for (int c = 0; c < set.connections; ++c) {
    auto* const nc = connect(argv[3], asap);
    if (how == "async") {
      new lanes(nc, all, set.outstanding);
      continue;
    }
    for (int i = 0; i < set.outstanding; ++i) {
      std::thread([nc, &all, i] { call_blocking(nc, all, i); }).detach();
    }
  }
  all.run(set);
  std::_Exit(0);
}
