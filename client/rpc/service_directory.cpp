#include "service_directory.hpp"

#include <nuncio/protocol/subject.hpp>

#include <algorithm>

namespace nuncio::rpc {

namespace {

bool can_be_called(std::string_view subject) noexcept {
  return subject.size() <= service_directory::max_subject_size &&
         protocol::is_valid_publish(subject) &&
         std::all_of(subject.begin(), subject.end(),
                     [](char c) { return static_cast<unsigned char>(c) > ' ' && c != 127; });
}

}  // namespace

void service_directory::add(const protocol::service_info& said) {
  if (said.identity.name != service_) return;
  for (const auto& each : said.endpoints) {
    const auto& subject = each.subject;
    if (!can_be_called(subject)) continue;
    auto at = endpoints_.find(each.name);
    if (at == endpoints_.end()) {
      if (endpoints_.size() >= max_endpoints) continue;
      at = endpoints_.try_emplace(each.name).first;
    }
    auto& subjects = at->second;
    if (subjects.size() >= max_subjects) continue;
    if (std::find(subjects.begin(), subjects.end(), subject) == subjects.end()) {
      subjects.push_back(subject);
    }
  }
}

std::optional<std::string_view> service_directory::find(std::string_view endpoint,
                                                        std::string_view besides) const {
  const auto at = endpoints_.find(endpoint);
  if (at == endpoints_.end()) return std::nullopt;
  for (const auto& each : at->second) {
    if (each != besides) return each;
  }
  return std::nullopt;
}

void service_directory::forget(std::string_view endpoint, std::string_view subject) {
  const auto at = endpoints_.find(endpoint);
  if (at == endpoints_.end()) return;
  std::erase(at->second, subject);
  if (at->second.empty()) endpoints_.erase(at);
}

}  // namespace nuncio::rpc
