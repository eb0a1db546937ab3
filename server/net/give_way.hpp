#pragma once

namespace nuncio::server {

/// The calling thread gives way to others from now on: by this much niceness, and by short slices
/// of time, since a thread that has just been given the core keeps it for a slice, whoever else
/// wakes up. For work that takes long beside shards, where there are fewer cores than threads that
/// have something to do. Nothing depends on whether it succeeds.
void give_way(int niceness);

}  // namespace nuncio::server
