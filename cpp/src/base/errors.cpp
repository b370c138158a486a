// Sentences of the statuses.
// SPDX-License-Identifier: BSD-3-Clause
#include <krogh/base/errors.hpp>

namespace krogh {

std::string_view sentence(Status status) {
  switch (status) {
    case Status::success: return "completed";
    case Status::stopped: return "stopped by the caller before the end";
    case Status::max_steps_reached: return "the largest permitted number of steps was reached";
    case Status::step_too_small: return "the step size fell below what the clock resolves";
    case Status::not_finite: return "a value became infinite or not a number";
    case Status::linear_solve_failed: return "a linear system could not be solved";
    case Status::steady_state_failed: return "no steady state was found";
    case Status::below_zero:
      return "it falls below zero however small the step: the laws take away more than there is";
  }
  return "unknown status";
}

}  // namespace krogh
