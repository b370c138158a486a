// Errors and statuses: wrong input is thrown before any work, numerical failure is a status.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

#include <krogh/base/export.hpp>

namespace krogh {

/// Base of what krogh throws.
class KROGH_EXPORT Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// An argument is wrong: name, value, permitted range, shape found and expected.
class KROGH_EXPORT InvalidInput : public Error {
 public:
  using Error::Error;
};

/// How a computation ended.
enum class Status : std::uint8_t {
  success,
  stopped,  ///< by the caller's hook
  max_steps_reached,
  step_too_small,
  not_finite,
  linear_solve_failed,
  steady_state_failed,
  below_zero,
};

/// The sentence that goes with a status.
KROGH_EXPORT std::string_view sentence(Status status);

}  // namespace krogh
