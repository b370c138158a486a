// What this process may use of the machine's processors, and by whose word.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <krogh/base/export.hpp>

namespace krogh {

/// Limits on the number of threads, each 0 where nothing is said.
struct ThreadLimits {
  int processors = 1;  ///< that the scheduler allows (affinity), else all of the machine
  int cgroup = 0;      ///< processor quota of the control group (containers), rounded up
  int openmp = 0;      ///< OMP_NUM_THREADS, its first number
  int slurm = 0;       ///< SLURM_CPUS_PER_TASK

  /// The smallest of the limits; at least 1.
  KROGH_EXPORT int smallest() const;
};

/// The limits as they stand. The control group is looked up once per process, the rest every time.
/// @note Environment values that are not positive numbers count as not set.
KROGH_EXPORT ThreadLimits thread_limits();

}  // namespace krogh
