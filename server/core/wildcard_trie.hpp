#pragma once

#include "hash.hpp"
#include "slot_table.hpp"
#include "target_list.hpp"

#include <nuncio/protocol/subject.hpp>

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

  /// Calls visit(target_list::ref) for every pattern that matches; none matches a subject with an
  /// empty token.
  template <class Visit>
  void match(std::string_view subject, Visit&& visit) const {
    subject_tokens tokens(subject, seed_);
    if (!tokens.has_empty()) match_below(*root_, tokens, {}, visit);
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

  // The tokens of a subject, cut once; the first ones are also hashed once, however many branches
  // ask.
  class subject_tokens {
   public:
    struct place {
      std::uint32_t depth = 0;
      std::uint32_t begin = 0;
    };
    struct token {
      std::string_view text;
      std::uint64_t hash;
    };

    subject_tokens(std::string_view subject, std::uint64_t seed) noexcept
        : subject_(subject), seed_(seed) {
      for (place at;;) {
        const auto text = text_at(at);
        if (text.empty()) return;
        if (at.depth < known) {
          sizes_[at.depth] = static_cast<std::uint32_t>(text.size());
          hashes_[at.depth] = unknown;
        }
        if (is_last(at, text)) break;
        at = after(at, text);
      }
      has_empty_ = false;
    }

    [[nodiscard]] bool has_empty() const noexcept { return has_empty_; }
    [[nodiscard]] token at(place where) noexcept {
      if (where.depth >= known) {
        const auto text = text_at(where);
        return {text, hash_bytes(text, seed_)};
      }
      // The constructor has been at every place of a subject without empty tokens.
      // NOLINTNEXTLINE(clang-analyzer-core.CallAndMessage)
      const auto text = subject_.substr(where.begin, sizes_[where.depth]);
      auto& hash = hashes_[where.depth];
      if (hash == unknown) hash = hash_bytes(text, seed_);
      return {text, hash};
    }
    [[nodiscard]] bool is_last(place where, std::string_view text) const noexcept {
      return where.begin + text.size() == subject_.size();
    }
    [[nodiscard]] static place after(place where, std::string_view text) noexcept {
      return {where.depth + 1, where.begin + static_cast<std::uint32_t>(text.size()) + 1};
    }

   private:
    static constexpr std::uint32_t known = 12;
    static constexpr std::uint64_t unknown = 0;

    [[nodiscard]] std::string_view text_at(place where) const noexcept {
      return protocol::first_token(subject_.substr(where.begin));
    }

    std::string_view subject_;
    std::uint64_t seed_;
    bool has_empty_ = true;
    // Left as they are until used: clearing them would cost more than the walk.
    std::uint32_t sizes_[known];
    std::uint64_t hashes_[known];
  };

  static node* make_node(std::string_view token);
  static void free_node(void* thing);
  static void free_tree(node* top) noexcept;

  [[nodiscard]] std::uint64_t hash(std::string_view token) const noexcept;
  [[nodiscard]] static node* find_child(const node& parent,
                                        std::string_view token,
                                        std::uint64_t hash) noexcept {
    if (parent.children.empty()) return nullptr;
    return reinterpret_cast<node*>(parent.children.find(hash, [token](slot_table::payload child) {
      return same_bytes(reinterpret_cast<node*>(child)->token(), token);
    }));
  }
  node* add_child(node& parent, std::string_view token, epoch_member& epoch);
  bool remove_below(node& parent, std::string_view rest, subscription* sub, epoch_member& epoch);

  template <class Visit>
  void match_below(const node& parent,
                   subject_tokens& tokens,
                   subject_tokens::place where,
                   Visit& visit) const {
    if (const auto word = parent.full.load(std::memory_order_acquire)) visit(word);
    const auto token = tokens.at(where);
    const auto follow = [&](const node* child) {
      if (child == nullptr) return;
      if (tokens.is_last(where, token.text)) {
        if (const auto word = child->here.load(std::memory_order_acquire)) visit(word);
      } else {
        match_below(*child, tokens, tokens.after(where, token.text), visit);
      }
    };
    follow(find_child(parent, token.text, token.hash));
    follow(parent.star.load(std::memory_order_acquire));
  }

  std::uint64_t seed_;
  node* root_;
  std::mutex lock_;  // guards writing to all nodes
};

}  // namespace nuncio::server
