// What this process may use of the machine's processors, and by whose word.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <krogh/base/export.hpp>

namespace krogh {

/// Limits on the number of threads, each 0 where nothing is said.
struct ThreadLimits {
  int processors = 1;  ///< that the scheduler allows (affinity), else all of the machine
  int cgroup = 0;      ///< processor quota of the control group (containers), rounded up

  /// The smallest of the limits; at least 1.
  KROGH_EXPORT int smallest() const;
};

/// The limits as they stand. The control group is looked up once per process, the affinity every
/// time. The core reads no environment variables: a program that honours OMP_NUM_THREADS or a batch
/// system's variables passes a number of threads (the Python package does).
KROGH_EXPORT ThreadLimits thread_limits();

}  // namespace krogh
