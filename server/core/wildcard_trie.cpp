#include "wildcard_trie.hpp"

#include <cstdlib>
#include <cstring>
#include <new>

namespace nuncio::server {
namespace {

constexpr std::uint32_t first_capacity = 2;

// Puts `sub` into the word at `cell`; true if it was empty.
bool add_target(std::atomic<target_list::ref>& cell, subscription* sub, epoch_member& epoch) {
  const auto word = cell.load(std::memory_order_relaxed);
  cell.store(target_list::add(word, sub, epoch), std::memory_order_release);
  return word == 0;
}

bool remove_target(std::atomic<target_list::ref>& cell, subscription* sub, epoch_member& epoch) {
  const auto rest = target_list::remove(cell.load(std::memory_order_relaxed), sub, epoch);
  cell.store(rest, std::memory_order_release);
  return rest == 0;
}

}  // namespace

wildcard_trie::wildcard_trie(std::uint64_t seed) : seed_(seed), root_(make_node({})) {}
wildcard_trie::~wildcard_trie() {
  free_tree(root_);
}

bool wildcard_trie::node::is_empty() const noexcept {
  return children.empty() && star.load(std::memory_order_acquire) == nullptr &&
         full.load(std::memory_order_acquire) == 0 && here.load(std::memory_order_acquire) == 0;
}

bool wildcard_trie::empty() const noexcept {
  return root_->is_empty();
}

wildcard_trie::node* wildcard_trie::make_node(std::string_view token) {
  void* const memory = std::malloc(sizeof(node) + token.size());
  if (memory == nullptr) throw std::bad_alloc{};
  auto* const made = new (memory) node;
  made->token_size = static_cast<std::uint32_t>(token.size());
  if (!token.empty()) {
    std::memcpy(static_cast<char*>(memory) + sizeof(node), token.data(), token.size());
  }
  return made;
}

void wildcard_trie::free_node(void* thing) {
  static_cast<node*>(thing)->~node();
  std::free(thing);
}

void wildcard_trie::free_tree(node* top) noexcept {
  top->children.for_each(
      [](slot_table::payload child) { free_tree(reinterpret_cast<node*>(child)); });
  if (node* const star = top->star.load(std::memory_order_relaxed)) free_tree(star);
  target_list::destroy(top->full.load(std::memory_order_relaxed));
  target_list::destroy(top->here.load(std::memory_order_relaxed));
  free_node(top);
}

std::uint64_t wildcard_trie::hash(std::string_view token) const noexcept {
  return hash_bytes(token, seed_);
}

wildcard_trie::node* wildcard_trie::add_child(node& parent,
                                              std::string_view token,
                                              epoch_member& epoch) {
  if (token == "*") {
    node* star = parent.star.load(std::memory_order_relaxed);
    if (star == nullptr) {
      star = make_node(token);
      parent.star.store(star, std::memory_order_release);
    }
    return star;
  }
  if (node* const child = find_child(parent, token, hash(token))) return child;
  node* const child = make_node(token);
  const auto hash_of = [this](slot_table::payload p) {
    return hash(reinterpret_cast<node*>(p)->token());
  };
  parent.children.insert(hash(token), reinterpret_cast<slot_table::payload>(child), hash_of, epoch,
                         first_capacity);
  return child;
}

bool wildcard_trie::insert(subscription* sub, epoch_member& epoch) {
  const std::scoped_lock guard(lock_);
  node* at = root_;
  std::string_view rest = sub->subject();
  // The table holds children as integers: the analyzer loses sight of them and sees a leak.
  // NOLINTBEGIN(clang-analyzer-unix.Malloc)
  for (;;) {
    if (rest == ">") return add_target(at->full, sub, epoch);
    const auto dot = rest.find('.');
    at = add_child(*at, rest.substr(0, dot), epoch);
    if (dot == std::string_view::npos) return add_target(at->here, sub, epoch);
    rest.remove_prefix(dot + 1);
  }
  // NOLINTEND(clang-analyzer-unix.Malloc)
}

bool wildcard_trie::remove(subscription* sub, epoch_member& epoch) {
  const std::scoped_lock guard(lock_);
  return remove_below(*root_, sub->subject(), sub, epoch);
}

bool wildcard_trie::remove_below(node& parent,
                                 std::string_view rest,
                                 subscription* sub,
                                 epoch_member& epoch) {
  if (rest == ">") return remove_target(parent.full, sub, epoch);
  const auto dot = rest.find('.');
  const auto token = rest.substr(0, dot);
  const bool is_star = token == "*";
  node* const child = is_star ? parent.star.load(std::memory_order_relaxed)
                              : find_child(parent, token, hash(token));
  const bool last = dot == std::string_view::npos
                        ? remove_target(child->here, sub, epoch)
                        : remove_below(*child, rest.substr(dot + 1), sub, epoch);
  if (!child->is_empty()) return last;
  if (is_star) {
    parent.star.store(nullptr, std::memory_order_release);
  } else {
    parent.children.erase(*parent.children.find_slot(hash(token), [child](slot_table::payload p) {
      return reinterpret_cast<node*>(p) == child;
    }));
  }
  epoch.retire(child, free_node);
  return last;
}

}  // namespace nuncio::server
