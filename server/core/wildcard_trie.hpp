#pragma once

#include "slot_table.hpp"
#include "target_list.hpp"

#include <cstdint>
#include <mutex>
#include <string_view>

namespace nuncio::server {

/// Subscriptions with wildcards of one account, a node per token:
///
///     root ── orders ── *  ── paid   (here: who has orders.*.paid)
///                └ full: who has orders.>
///
/// Thread safety: match() takes no lock; insert() and remove() take one. Callers are shards that
/// have entered the epochs. Invariants: a node is reachable from its insertion until it is empty,
/// is then unlinked under the lock and retired; targets change as target_list says.
class wildcard_trie {
 public:
  explicit wildcard_trie(std::uint64_t seed);
  wildcard_trie(const wildcard_trie&) = delete;
  wildcard_trie& operator=(const wildcard_trie&) = delete;
  ~wildcard_trie();

  [[nodiscard]] bool empty() const noexcept;

  /// True if nobody had this pattern before.
  bool insert(subscription* sub, epoch_member& epoch);
  /// True if nobody has it any more. Pre: `sub` is in it.
  bool remove(subscription* sub, epoch_member& epoch);

  /// Calls visit(target_list::ref) for every pattern that matches.
  /// Pre: all tokens of `subject` are non-empty.
  template <class Visit>
  void match(std::string_view subject, Visit&& visit) const {
    match_below(*root_, subject, visit);
  }

 private:
  struct node {
    slot_table children;
    std::atomic<node*> star{nullptr};
    std::atomic<target_list::ref> full{0};  // `>` behind this node
    std::atomic<target_list::ref> here{0};  // ends at this node
    std::uint32_t token_size = 0;

    [[nodiscard]] std::string_view token() const noexcept {
      return {reinterpret_cast<const char*>(this + 1), token_size};
    }
    [[nodiscard]] bool is_empty() const noexcept;
  };

  static node* make_node(std::string_view token);
  static void free_node(void* thing);
  static void free_tree(node* top) noexcept;

  [[nodiscard]] std::uint64_t hash(std::string_view token) const noexcept;
  [[nodiscard]] node* find_child(const node& parent, std::string_view token) const;
  node* add_child(node& parent, std::string_view token, epoch_member& epoch);
  bool remove_below(node& parent, std::string_view rest, subscription* sub, epoch_member& epoch);

  template <class Visit>
  void match_below(const node& parent, std::string_view rest, Visit& visit) const {
    if (const auto word = parent.full.load(std::memory_order_acquire)) visit(word);
    const auto dot = rest.find('.');
    const auto follow = [&](const node* child) {
      if (child == nullptr) return;
      if (dot == std::string_view::npos) {
        if (const auto word = child->here.load(std::memory_order_acquire)) visit(word);
      } else {
        match_below(*child, rest.substr(dot + 1), visit);
      }
    };
    follow(find_child(parent, rest.substr(0, dot)));
    follow(parent.star.load(std::memory_order_acquire));
  }

  std::uint64_t seed_;
  node* root_;
  std::mutex lock_;  // guards writing to all nodes
};

}  // namespace nuncio::server
