// Threads per call: one function for both backends, OpenMP and std::thread.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <functional>
#include <string_view>

#include <krogh/base/export.hpp>

namespace krogh {

/// Threads that a request is granted: `wanted` if positive, else the smallest of thread_limits();
/// 1 inside another parallel region.
KROGH_EXPORT int granted_threads(int wanted);

/// Runs `work(thread)` for thread = 0 .. num_threads - 1 at the same time and waits; thread 0 is
/// the calling thread. The first exception is rethrown after all have come to rest.
/// @throws InvalidInput if num_threads < 1.
KROGH_EXPORT void parallel_run(int num_threads, const std::function<void(int)>& work);

/// "OpenMP" or "std::thread".
KROGH_EXPORT std::string_view thread_backend();

}  // namespace krogh
