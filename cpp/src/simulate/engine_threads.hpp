// Engines on threads: all take from one queue, one of them listens to the caller.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>

#include <krogh/base/run_control.hpp>

namespace krogh::simulate {

/// Tells the caller how far a call has come, and asks whether it shall go on.
class Report {
 public:
  Report(const RunControl& control, std::int64_t total) : control_(control), total_(total) {}

  bool operator()(std::int64_t done) const {
    if (!control_.keep_going) return true;
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start_;
    return control_.keep_going({.done = done, .total = total_, .elapsed_seconds = elapsed.count()});
  }

 private:
  const RunControl& control_;
  std::int64_t total_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

/// Runs `work` on `num_threads` threads, of which each makes its engine and takes from a queue
/// until that is empty or `stop` is set. The work of the calling thread gets `report` (to be asked
/// between steps), that of the others none; when the calling thread is out of work it goes on
/// asking while others finish theirs. A report of false or an exception, on any thread, sets
/// `stop`; the exception is rethrown when all have come to rest.
void run_engines(int num_threads, std::atomic<bool>& stop, const std::function<bool()>& report,
                 const std::function<void(const std::function<bool()>& report)>& work);

}  // namespace krogh::simulate
