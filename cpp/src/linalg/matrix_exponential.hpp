// Exponentials of many small matrices with one fixed pattern, one matrix per
// SIMD lane. SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <vector>

#include <krogh/base/isa.hpp>

namespace krogh::linalg {

/// Lanes of one call of the kernel.
inline constexpr int exponential_lanes = 8;

/// Pattern of X, of P = exp(X) (the transitive closure with the diagonal) and of the derivatives of
/// P along directions X_b, b = 1, 2, ..., which are the off-diagonal blocks of the exponential of
/// [X 0; X_b X] (Van Loan 1978, doi 10.1109/TAC.1978.1101743; Mathias 1996, doi
/// 10.1137/S0895479895283409). P is block 0. Built once per model.
class ExponentialPlan {
 public:
  /// An entry that may differ from zero.
  struct Entry {
    int row = 0;
    int column = 0;
    int block = 0;
  };
  /// One product left * right of a sum: positions among the entries of X or P.
  struct Product {
    std::int32_t left = 0;
    std::int32_t right = 0;
  };

  /// @param size      rows of the matrix.
  /// @param leading   rows and columns [0, leading) of block 0 count for the norm that decides on
  ///                  scaling; the others are driven by them or drive them, without feedback.
  /// @param entries   of X and its derivatives, without repetition.
  ExponentialPlan(int size, int leading, int num_blocks, std::vector<Entry> entries);

  int size() const { return size_; }
  int leading() const { return leading_; }
  const std::vector<Entry>& entries() const { return entries_; }  ///< of X
  const std::vector<Entry>& closure() const { return closure_; }  ///< of P
  /// Position of an entry in the closure, -1 where it is always zero.
  int position(int row, int column, int block = 0) const {
    return positions_[(static_cast<std::size_t>(block) * static_cast<std::size_t>(size_) +
                       static_cast<std::size_t>(row)) *
                          static_cast<std::size_t>(size_) +
                      static_cast<std::size_t>(column)];
  }
  bool is_unit(std::size_t e) const {
    return closure_[e].row == closure_[e].column && closure_[e].block == 0;
  }
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
  std::vector<Entry> entries_;
  std::vector<Entry> closure_;
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
