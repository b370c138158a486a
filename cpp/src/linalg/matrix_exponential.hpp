// Exponentials of many small matrices with one fixed pattern, one matrix per
// SIMD lane. SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include <krogh/base/isa.hpp>

namespace krogh::linalg {

/// Lanes of one call of the kernel.
inline constexpr int exponential_lanes = 8;

/// Pattern of X and of exp(X) (its transitive closure with the diagonal), and
/// which products of entries meet in each entry of X P and P P. Built once per
/// model.
class ExponentialPlan {
 public:
  /// @param size      rows of the matrix.
  /// @param leading   columns [0, leading) count for the norm that decides on
  /// scaling; what lies to
  ///                  the right is driven, never fed back (inputs of an
  ///                  augmented matrix).
  /// @param entries   (row, column) of X that may differ from zero, without
  /// repetition.
  ExponentialPlan(int size, int leading, std::vector<std::pair<int, int>> entries);

  /// One product left[l] * right[r] of a sum.
  struct Product {
    std::int32_t left = 0;
    std::int32_t right = 0;
  };

  int size() const { return size_; }
  int leading() const { return leading_; }
  const std::vector<std::pair<int, int>>& entries() const { return entries_; }  ///< of X
  const std::vector<std::pair<int, int>>& closure() const { return closure_; }  ///< of exp(X)
  /// Position of (row, column) in the closure, -1 where exp(X) is zero.
  int position(int row, int column) const {
    return positions_[static_cast<std::size_t>(row) * static_cast<std::size_t>(size_) +
                      static_cast<std::size_t>(column)];
  }
  bool is_diagonal(std::size_t e) const { return closure_[e].first == closure_[e].second; }
  /// Products of X P for closure entry e: [offsets[e], offsets[e + 1]).
  const std::vector<std::int32_t>& multiply_offsets() const { return multiply_offsets_; }
  const std::vector<Product>& multiply() const { return multiply_; }
  /// Products of P P.
  const std::vector<std::int32_t>& square_offsets() const { return square_offsets_; }
  const std::vector<Product>& square() const { return square_; }
  /// Doubles of scratch that the kernel needs.
  std::size_t scratch_size() const;

 private:
  int size_;
  int leading_;
  std::vector<std::pair<int, int>> entries_;
  std::vector<std::pair<int, int>> closure_;
  std::vector<int> positions_;
  std::vector<std::int32_t> multiply_offsets_, square_offsets_;
  std::vector<Product> multiply_, square_;
};

}  // namespace krogh::linalg

/// exp(X h) for `exponential_lanes` lanes, as unevaluated sums high + low.
/// @param x     (entries of the plan, lanes). @param h  (lanes).
/// @param high  (closure of the plan, lanes), 64-byte aligned; @param low
/// likewise.
/// @param scratch  plan.scratch_size() doubles, 64-byte aligned.
#define KROGH_DECLARE_EXPONENTIAL(isa)                                                    \
  namespace krogh::isa {                                                                  \
  void exponential(const linalg::ExponentialPlan& plan, const double* x, const double* h, \
                   double* high, double* low, double* scratch);                           \
  }
KROGH_FOR_EACH_ISA(KROGH_DECLARE_EXPONENTIAL)
#undef KROGH_DECLARE_EXPONENTIAL
