// Barriers and teams over OpenMP or std::thread.
// SPDX-License-Identifier: BSD-3-Clause
#include "base/team.hpp"

#include <exception>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#if defined(_OPENMP)
#include <omp.h>
#endif

#include <krogh/base/errors.hpp>

namespace krogh {
namespace {

/// Looks at the barrier this often before it sleeps until the last member comes.
constexpr int patience = 2000;

void pause_briefly() {
#if defined(__x86_64__) || defined(_M_X64)
  __builtin_ia32_pause();
#endif
}

}  // namespace

void Team::wait() {
  if (size_ == 1) return;
  const std::uint64_t round = round_.load(std::memory_order_acquire);
  if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == size_) {
    arrived_.store(0, std::memory_order_relaxed);
    round_.fetch_add(1, std::memory_order_release);
    round_.notify_all();
  } else {
    for (int looked = 0; round_.load(std::memory_order_acquire) == round; ++looked) {
      if (looked < patience) {
        pause_briefly();
      } else {
        round_.wait(round, std::memory_order_acquire);
      }
    }
  }
  if (broken_.load(std::memory_order_acquire)) throw TeamBroken();
}

void Team::break_up() {
  broken_.store(true, std::memory_order_release);
  round_.fetch_add(1, std::memory_order_release);
  round_.notify_all();
}

void run_team(int num_threads, const std::function<void(Team&, int)>& work) {
  if (num_threads < 1)
    throw InvalidInput("num_threads must be at least 1, found " + std::to_string(num_threads));
  std::mutex mutex;
  std::exception_ptr first;
  auto guarded = [&](Team& team, int member) {
    try {
      work(team, member);
    } catch (const TeamBroken&) {  // the member that left says why
      return;
    } catch (...) {  // any type: it is rethrown unchanged on the calling thread
      const std::lock_guard<std::mutex> lock(mutex);
      if (!first) first = std::current_exception();
      team.break_up();
    }
  };
  if (num_threads == 1) {
    Team alone(1);
    work(alone, 0);
    return;
  }
#if defined(_OPENMP)
  std::optional<Team> team;
#pragma omp parallel num_threads(num_threads)
  {
#pragma omp single
    team.emplace(omp_get_num_threads());
    guarded(*team, omp_get_thread_num());
  }
#else
  Team team(num_threads);
  std::vector<std::thread> threads;
  bool all_started = true;
  for (int member = 1; member < num_threads && all_started; ++member) try {
      threads.emplace_back([&guarded, &team, member] { guarded(team, member); });
    } catch (...) {  // no more threads are to be had: those that wait must not wait for ever
      const std::lock_guard<std::mutex> lock(mutex);
      first = std::current_exception();
      team.break_up();
      all_started = false;
    }
  if (all_started) guarded(team, 0);
  for (std::thread& thread : threads) thread.join();
#endif
  if (first) std::rethrow_exception(first);
}

}  // namespace krogh
