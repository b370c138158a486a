// Ctrl-C and progress of a long call, seen from the calling thread.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <chrono>
#include <utility>

#include <krogh/base/run_control.hpp>

#include "bindings.hpp"

namespace krogh::bindings {

/// Called on the calling thread between steps, with the lock released: looks at the clock, takes
/// the lock at most every 25 ms to see signals, and every second time reports progress.
class Watcher {
 public:
  explicit Watcher(py::object progress) : progress_(std::move(progress)) {}

  bool operator()(const Progress& p) {
    const auto now = std::chrono::steady_clock::now();
    if (now - last_ < std::chrono::milliseconds(25)) return true;
    last_ = now;
    const py::gil_scoped_acquire lock;
    if (PyErr_CheckSignals() != 0) throw py::error_already_set();
    is_second_ = !is_second_;
    if (progress_.is_none() || is_second_) return true;
    const py::object answer = progress_(p.done, p.total, p.elapsed_seconds);
    return !(py::isinstance<py::bool_>(answer) && !answer.cast<bool>());
  }

 private:
  py::object progress_;
  bool is_second_ = false;
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

}  // namespace krogh::bindings
