// Small dense systems with partial pivoting, for the few solves that are not on the lanes' path.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <vector>

namespace krogh::linalg {

/// Solves A X = B in place by LU with partial pivoting (Golub & Van Loan 2013, algorithm 3.4.1).
/// @param a  shape (n, n), row by row; out: its factors. @param b  shape (n, columns); out: X.
/// @return false if A is singular to working precision (a pivot below 1e-15 of its row) or holds a
/// value that is not finite; `b` is then as it was.
bool solve_dense(std::vector<double>& a, std::vector<double>& b, int n, int columns);

}  // namespace krogh::linalg
