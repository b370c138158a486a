// Ctrl-C and progress of a long call, seen from the calling thread.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <chrono>
#include <utility>

#include <krogh/base/run_control.hpp>

#include "bindings.hpp"

namespace krogh::bindings {

/// Called on the calling thread between steps, with the lock released: looks at the clock and at
/// most every 50 ms takes the lock to see signals and report progress.
class Watcher {
 public:
  explicit Watcher(py::object progress) : progress_(std::move(progress)) {}

  bool operator()(const Progress& p) {
    const auto now = std::chrono::steady_clock::now();
    if (now - last_ < std::chrono::milliseconds(50)) return true;
    last_ = now;
    const py::gil_scoped_acquire lock;
    if (PyErr_CheckSignals() != 0) throw py::error_already_set();
    if (progress_.is_none()) return true;
    const py::object answer = progress_(p.done, p.total, p.elapsed_seconds);
    return !(py::isinstance<py::bool_>(answer) && !answer.cast<bool>());
  }

 private:
  py::object progress_;
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

}  // namespace krogh::bindings
