#include "metrics.hpp"

#include <nuncio/server/stats.hpp>

#include <array>
#include <utility>

namespace nuncio::server::monitor {
namespace {

namespace json = boost::json;
using kind = exposition::kind;

double seconds(std::chrono::nanoseconds time) {
  return std::chrono::duration<double>(time).count();
}

// What one shard says on its own thread.
struct shard_view {
  unsigned index = 0;
  std::size_t connections = 0;
  std::chrono::nanoseconds busy{0};
};

// Buckets of all shards together.
template <class Histogram>
struct sum_of {
  std::array<std::uint64_t, Histogram::size> counts{};
  std::array<double, Histogram::size - 1> bounds{};

  explicit sum_of(double unit) {
    for (std::size_t i = 0; i < bounds.size(); ++i) {
      bounds[i] = static_cast<double>(Histogram::bound(i)) * unit;
    }
  }
  void add(const Histogram& more) {
    for (std::size_t i = 0; i < counts.size(); ++i) counts[i] += more.count(i);
  }
};

template <class Histogram>
void put_histogram(exposition& to,
                   const node& of,
                   const Histogram shard_counters::* which,
                   double unit,
                   double sum) {
  sum_of<Histogram> all(unit);
  for (const auto& each : of.shards) all.add(std::as_const(*each).counters().*which);
  to.buckets(all.bounds, all.counts, sum);
}

std::uint64_t total(const node& of, const shard_counters::counter shard_counters::* which) {
  std::uint64_t sum = 0;
  for (const auto& each : of.shards) {
    sum += (std::as_const(*each).counters().*which).load(std::memory_order_relaxed);
  }
  return sum;
}

void put_server(exposition& to, const stats& now) {
  struct row {
    std::string_view name;
    std::string_view help;
    std::uint64_t value;
  };
  const row counters[]{
      {"nuncio_received_messages", "Messages that clients have published.", now.in_messages},
      {"nuncio_received_bytes", "Their headers and payloads.", now.in_bytes},
      {"nuncio_sent_messages", "Messages that clients were sent.", now.out_messages},
      {"nuncio_sent_bytes", "Their headers and payloads.", now.out_bytes},
      {"nuncio_opened_connections", "Connections that were ever made.", now.total_connections},
      {"nuncio_slow_consumers", "Connections that were ended as too slow.", now.slow_consumers},
      {"nuncio_stale_connections", "Connections that were ended as PINGs went unanswered.",
       now.stale_connections},
      {"nuncio_producer_stalls", "Pauses of producers whose receivers lagged.",
       now.stalled_producers},
      {"nuncio_moved_connections", "Connections that went from one shard to another.",
       now.moved_connections},
      {"nuncio_refused_password_checks",
       "Logins that were turned away as too many passwords waited to be checked.",
       now.refused_password_checks},
  };
  for (const auto& each : counters) {
    to.family(each.name, kind::counter, each.help);
    to.sample({}, each.value);
  }
  to.family("nuncio_connections", kind::gauge, "Clients that are connected.");
  to.sample({}, now.connections);
  to.family("nuncio_subscriptions", kind::gauge, "Subscriptions of clients.");
  to.sample({}, now.subscriptions);
}

void put_histograms(exposition& to, const node& of, const stats& now) {
  to.family("nuncio_message_size_bytes", kind::histogram,
            "Headers and payload of messages that clients have published.");
  put_histogram(to, of, &shard_counters::message_sizes, 1, static_cast<double>(now.in_bytes));
  to.family("nuncio_flush_size_bytes", kind::histogram,
            "What a batch of messages wrote, or queued, for one receiver at once.");
  put_histogram(to, of, &shard_counters::flush_sizes, 1,
                static_cast<double>(total(of, &shard_counters::flushed_bytes)));
  to.family("nuncio_queueing_seconds", kind::histogram,
            "How long blocks waited that a receiver did not take at once, since it last took "
            "something.");
  constexpr double ns = 1e-9;
  put_histogram(to, of, &shard_counters::queued_times, ns,
                static_cast<double>(total(of, &shard_counters::queued_ns)) * ns);
}

void put_shards(exposition& to, const std::vector<shard_view>& all) {
  to.family("nuncio_shard_connections", kind::gauge, "Connections that a shard serves.");
  for (const auto& each : all) {
    to.sample({{"shard", std::to_string(each.index)}},
              static_cast<std::uint64_t>(each.connections));
  }
  to.family("nuncio_shard_busy_seconds", kind::counter,
            "CPU time of a shard's thread, without looking for work in vain.");
  for (const auto& each : all) {
    to.sample({{"shard", std::to_string(each.index)}}, seconds(each.busy));
  }
}

// A family with a sample for each account.
template <class Value>
void put_accounts(exposition& to,
                  node& of,
                  std::string_view name,
                  kind what,
                  std::string_view help,
                  Value value) {
  to.family(name, what, help);
  of.all_accounts.for_each([&](const account& each) {
    to.sample({{"account", each.name}}, value(each).load(std::memory_order_relaxed));
  });
}

void put_accounts(exposition& to, node& of) {
  const auto put = [&](std::string_view name, kind what, std::string_view help, auto value) {
    put_accounts(to, of, name, what, help, value);
  };
  using one = const account&;
  put("nuncio_account_connections", kind::gauge, "Clients of an account.",
      [](one a) -> const auto& { return a.connections; });
  put("nuncio_account_subscriptions", kind::gauge, "Their subscriptions.",
      [](one a) -> const auto& { return a.subscriptions; });
  put("nuncio_account_received_messages", kind::counter, "Messages that they have published.",
      [](one a) -> const auto& { return a.received.messages; });
  put("nuncio_account_received_bytes", kind::counter, "Headers and payloads of these.",
      [](one a) -> const auto& { return a.received.bytes; });
  put("nuncio_account_sent_messages", kind::counter, "Messages that they were sent.",
      [](one a) -> const auto& { return a.sent.messages; });
  put("nuncio_account_sent_bytes", kind::counter, "Headers and payloads of these.",
      [](one a) -> const auto& { return a.sent.bytes; });
  put("nuncio_account_slow_consumers", kind::counter, "Those that were ended as too slow.",
      [](one a) -> const auto& { return a.slow_consumers; });
}

void put_process(exposition& to, const node& of) {
  to.family("process_cpu_seconds", kind::counter, "User and system time.");
  to.sample({}, seconds(process_usage::cpu_time()));
  to.family("process_resident_memory_bytes", kind::gauge, "Memory in RAM.");
  to.sample({}, process_usage::resident_bytes());
  to.family("process_open_fds", kind::gauge, "Open file descriptors.");
  to.sample({}, process_usage::open_files());
  to.family("process_start_time_seconds", kind::gauge, "When the server began, since 1970.");
  to.sample({}, seconds(of.start.time_since_epoch()));
}

// What the exporter makes of a page: its numbers, and who says so.
bool is_exported(std::string_view page, std::string_view key) {
  // Of a list that isn't asked for; and only counters may be called a total.
  return page != "subsz" || (key != "total" && key != "offset" && key != "limit");
}

void put_exported(exposition& to,
                  std::string_view page,
                  const json::object& of,
                  std::string_view id) {
  for (const auto& [key, value] : of) {
    const auto name = std::string("gnatsd_").append(page).append("_").append(key);
    if (!is_exported(page, key)) continue;
    if (value.is_number()) {
      to.family(name, kind::gauge, key);
      to.sample({{"server_id", id}}, value.to_number<double>());
    } else if (key == "server_id" || key == "server_name" || key == "version") {
      to.family(name, kind::gauge, key);
      to.sample({{"server_id", id}, {"value", value.get_string()}}, std::uint64_t{1});
    }
  }
}

void put_exported_accounts(exposition& to, const json::array& all, std::string_view id) {
  struct column {
    std::string_view name;
    const char* group;  // null: the member is at the top
    const char* member;
  };
  constexpr std::array columns{
      column{"current_connections", nullptr, "conns"},
      column{"total_connections", nullptr, "total_conns"},
      column{"subscriptions", nullptr, "num_subscriptions"},
      column{"leaf_nodes", nullptr, "leafnodes"},
      column{"sent_messages", "sent", "msgs"},
      column{"sent_bytes", "sent", "bytes"},
      column{"received_messages", "received", "msgs"},
      column{"received_bytes", "received", "bytes"},
      column{"slow_consumers", nullptr, "slow_consumers"},
  };
  for (const auto& each : columns) {
    to.family(std::string("gnatsd_accstatz_").append(each.name), kind::gauge, each.name);
    for (const auto& account : all) {
      const auto& object = account.get_object();
      const auto& from = each.group == nullptr ? object : object.at(each.group).get_object();
      const std::string_view name = object.at("acc").get_string();
      to.sample(
          {{"server_id", id}, {"account", name}, {"account_id", name}, {"account_name", name}},
          from.at(each.member).to_number<double>());
    }
  }
}

}  // namespace

boost::asio::awaitable<std::string> metrics(const sources& from, exposition::form as) {
  auto asked_shards =
      from.shards.from_shards<shard_view>([](shard& on, std::vector<shard_view>& to) {
        to.push_back({on.index(), on.size(), on.busy_time()});
      });
  const auto shards = co_await std::move(asked_shards);
  auto asked_varz = varz(from);
  const auto server = co_await std::move(asked_varz);
  auto asked_subsz = subsz(from, {});
  const auto index = co_await std::move(asked_subsz);
  auto asked_accounts = accstatz(from, {{}, true});
  const auto accounts = co_await std::move(asked_accounts);

  exposition out(as);
  out.family("nuncio_build_info", kind::gauge, "Version of nuncio, and of what it stands in for.");
  const auto& identity = from.of.identity.info;
  out.sample({{"version", identity.nuncio_version}, {"nats_version", identity.version}},
             std::uint64_t{1});
  const auto now = from.of.statistics();
  put_server(out, now);
  put_histograms(out, from.of, now);
  put_shards(out, shards);
  put_accounts(out, from.of);
  put_process(out, from.of);
  put_exported(out, "varz", server.get_object(), identity.server_id);
  put_exported(out, "subsz", index.get_object(), identity.server_id);
  put_exported_accounts(out, accounts.at("account_statz").get_array(), identity.server_id);
  out.family("gnatsd_healthz_status", kind::gauge, "status");
  out.sample({{"server_id", identity.server_id}}, std::uint64_t{0});
  co_return out.finish();
}

}  // namespace nuncio::server::monitor
