// Threads per call over OpenMP or std::thread.
// SPDX-License-Identifier: BSD-3-Clause
#include <krogh/base/parallel.hpp>

#include <exception>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#if defined(_OPENMP)
#include <omp.h>
#endif

#include <krogh/base/errors.hpp>
#include <krogh/base/thread_limits.hpp>

namespace krogh {
namespace {

bool is_in_parallel() {
#if defined(_OPENMP)
  return omp_in_parallel() != 0;
#else
  return false;
#endif
}

/// Keeps the first exception of a team.
class FirstException {
 public:
  template <class Work>
  void guard(const Work& work) {
    try {
      work();
    } catch (...) {  // any type: it is rethrown unchanged on the calling thread
      const std::lock_guard<std::mutex> lock(mutex_);
      if (!first_) first_ = std::current_exception();
    }
  }
  void rethrow() const {
    if (first_) std::rethrow_exception(first_);
  }

 private:
  std::mutex mutex_;
  std::exception_ptr first_;
};

}  // namespace

int granted_threads(int wanted) {
  if (is_in_parallel()) return 1;
  return wanted > 0 ? wanted : thread_limits().smallest();
}

void parallel_run(int num_threads, const std::function<void(int)>& work) {
  if (num_threads < 1)
    throw InvalidInput("num_threads must be at least 1, found " + std::to_string(num_threads));
  if (num_threads == 1) {
    work(0);
    return;
  }
  FirstException first;
#if defined(_OPENMP)
  // A team may come out smaller than asked for; the loop gives every index a thread all the same.
#pragma omp parallel num_threads(num_threads)
  {
    const int team = omp_get_num_threads();
    for (int thread = omp_get_thread_num(); thread < num_threads; thread += team)
      first.guard([&] { work(thread); });
  }
#else
  std::vector<std::thread> threads;
  for (int thread = 1; thread < num_threads; ++thread)
    threads.emplace_back([&first, &work, thread] { first.guard([&] { work(thread); }); });
  first.guard([&] { work(0); });
  for (std::thread& thread : threads) thread.join();
#endif
  first.rethrow();
}

std::string_view thread_backend() {
#if defined(_OPENMP)
  return "OpenMP";
#else
  return "std::thread";
#endif
}

}  // namespace krogh
