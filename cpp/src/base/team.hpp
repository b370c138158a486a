// Threads that stay together through one computation and wait for each other at barriers.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>

namespace krogh {

/// Thrown by Team::wait() in the members of a team that another member has left by an exception.
struct TeamBroken {};

/// The members of one parallel region.
class Team {
 public:
  explicit Team(int size) : size_(size) {}
  int size() const { return size_; }
  /// Waits until every member has come here. @throws TeamBroken if one no longer will.
  void wait();
  /// Frees the members that wait, now and in future.
  void break_up();

 private:
  int size_;
  alignas(64) std::atomic<int> arrived_{0};
  alignas(64) std::atomic<std::uint64_t> round_{0};
  std::atomic<bool> broken_{false};
};

/// The part of `count` items that belongs to a member: consecutive, and decided by the numbers
/// alone.
struct Share {
  std::int64_t begin = 0;
  std::int64_t end = 0;
};
inline Share share_of(std::int64_t count, int member, int size) {
  return {count * member / size, count * (member + 1) / size};
}

/// Runs `work(team, member)` on up to `num_threads` threads at once, for member = 0 (the calling
/// thread) .. team.size() - 1, and waits. The system may grant fewer members than asked for. The
/// first exception that is not TeamBroken is rethrown after all have come to rest.
/// @throws InvalidInput if num_threads < 1.
void run_team(int num_threads, const std::function<void(Team&, int)>& work);

}  // namespace krogh
