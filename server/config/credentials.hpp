#pragma once

#include "option.hpp"
#include "types.hpp"

namespace nuncio::server::config {

/// The only user, or the token: of a block that keeps them in members of these names.
template <class Block>
block<Block> credential_rows(change when) {
  return {
      row("user|username", &Block::user, text_type(), when,
          "Name of the only user, where there are no users"),
      row("password|pass", &Block::password, secret_type(), when,
          "Its password, as it is or as a bcrypt string"),
      row("token", &Block::token, secret_type(), when,
          "Token that everyone must bring, as it is or as a bcrypt string"),
  };
}

}  // namespace nuncio::server::config
