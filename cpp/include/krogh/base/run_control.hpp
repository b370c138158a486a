// What a caller hands to a long computation: threads, progress and cancellation.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <functional>

namespace krogh {

/// How far a computation has come.
struct Progress {
  std::int64_t done = 0;
  std::int64_t total = 0;
  double elapsed_seconds = 0.0;
};

/// Threads per call and one hook. The hook runs on the calling thread only, between steps, about
/// every few milliseconds; false ends the run with Status::stopped and a consistent state. It may
/// throw: the exception reaches the caller after all threads have come to rest.
struct RunControl {
  int num_threads = 0;  ///< 0: as many as are granted to this process
  std::function<bool(const Progress&)> keep_going;
};

}  // namespace krogh
