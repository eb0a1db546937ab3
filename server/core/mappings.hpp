#pragma once

#include "account.hpp"
#include "subject_set.hpp"

#include <nuncio/protocol/subject_transform.hpp>
#include <nuncio/server/access.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace nuncio::server {

/// What is wrong with mappings, a sentence each; nothing if they can be used.
[[nodiscard]] std::vector<std::string> check_mappings(const std::vector<mapping_options>& all);

/// The subject mappings of an account: of those whose source matches the first one counts, and is
/// applied once.
///
/// Immutable, so any shard may ask.
class mappings final : public subject_mapping {
 public:
  /// Pre:  check_mappings(all) has nothing to say.
  explicit mappings(const std::vector<mapping_options>& all);

  std::string_view map(std::string_view subject,
                       std::string& scratch,
                       pick_random& random) const override;

 private:
  struct destination {
    protocol::subject_transform to;
    std::uint32_t up_to = 0;  // percent, this one's and those of the ones before
  };
  struct entry {
    std::vector<destination> destinations;
    bool loses_rest = false;
  };

  subject_set sources_;  // tells which of entries_
  std::vector<entry> entries_;
};

}  // namespace nuncio::server
