// Scaling and squaring in twofold precision on vectors of lanes.
// SPDX-License-Identifier: BSD-3-Clause
#include "linalg/matrix_exponential.hpp"

#include "base/vector_pair.kernel.hpp"

namespace krogh::KROGH_ISA {
namespace {

using linalg::ExponentialPlan;
using Product = ExponentialPlan::Product;

/// 1/k! as sums of two doubles, k = 0 .. 17: high is the nearest double, low
/// the rest.
struct Factorials {
  double high[18];
  double low[18];
};

constexpr Factorials inverse_factorials() {
  Factorials f{};
  f.high[0] = 1.0;
  f.low[0] = 0.0;
  for (int k = 1; k < 18; ++k) {
    // (high + low)/k by long division: quotient, exact remainder, correction.
    // Remainders are exact because k has few bits: the product is split into a
    // part without rounding and its rest.
    const double q = f.high[k - 1] / k;
    const double split = q * 134217729.0;  // 2^27 + 1 (Dekker 1971)
    const double q1 = split - (split - q);
    const double q2 = q - q1;
    const double remainder = ((f.high[k - 1] - q1 * k) - q2 * k) + f.low[k - 1];
    const double r = remainder / k;
    f.high[k] = q + r;
    f.low[k] = (q - f.high[k]) + r;
  }
  return f;
}

constexpr Factorials factorials = inverse_factorials();
constexpr int degree = 17;
/// From this power on the terms are below 2^-53 of the sum (8^-10/10! = 3e-16),
/// so that plain doubles carry them to twofold precision.
constexpr int first_plain = 10;

/// Sum of products of one entry, start value (s, c).
template <class Left, class Right>
KROGH_INLINE Pair sum_products(Pair start, const Product* begin, const Product* end,
                               const Left& left, const Right& right) {
  Vec sum = start.high;
  Vec rest = start.low;
  for (const Product* p = begin; p != end; ++p)
    accumulate(sum, rest, left(p->left), right(p->right));
  return renormalize(sum, rest);
}

/// One vector of lanes: X, P and the result are arrays of vectors, high parts
/// then low parts.
void one_vector(const ExponentialPlan& plan, const double* x, const double* h, double* high,
                double* low, double* scratch) {
  constexpr int L = linalg::exponential_lanes;
  const auto num_entries = static_cast<long>(plan.entries().size());
  const auto num_closure = static_cast<long>(plan.closure().size());
  double* x_high = scratch;
  double* x_low = x_high + num_entries * L;
  double* p_high = x_low + num_entries * L;
  double* p_low = p_high + num_closure * L;
  double* q_high = p_low + num_closure * L;
  double* q_low = q_high + num_closure * L;

  // Largest column sum of |X h|; powers of two bring it to 1/8 or below.
  double norm[vector_lanes];
  for (double& value : norm) value = 0.0;
  for (int column = 0; column < plan.leading(); ++column) {
    double sum[vector_lanes] = {};
    for (long e = 0; e < num_entries; ++e) {
      const ExponentialPlan::Entry& entry = plan.entries()[static_cast<std::size_t>(e)];
      if (entry.column != column || entry.row >= plan.leading() || entry.block > 0) continue;
      for (int l = 0; l < vector_lanes; ++l) sum[l] += __builtin_fabs(x[e * L + l]);
    }
    for (int l = 0; l < vector_lanes; ++l) norm[l] = sum[l] > norm[l] ? sum[l] : norm[l];
  }
  int squarings[vector_lanes];
  double scaled[vector_lanes];
  int most = 0;
  for (int l = 0; l < vector_lanes; ++l) {
    const double size = norm[l] * __builtin_fabs(h[l]) * 8.0;
    int exponent = 0;
    // Sizes that are not finite end in a result that is not finite, without any
    // squaring.
    if (size > 1.0 && size < 1e300)
      exponent = static_cast<int>((bits_of(size) >> 52) & 2047) - 1022;
    squarings[l] = exponent;
    scaled[l] = h[l] * from_bits(static_cast<long>(1023 - exponent) << 52);
    most = exponent > most ? exponent : most;
  }
  const Vec step = load(scaled);
  for (long e = 0; e < num_entries; ++e) {
    const Pair product = exact_product(load(x + e * L), step);
    store(x_high + e * L, product.high);
    store(x_low + e * L, product.low);
  }

  // Taylor polynomial by Horner's rule: P <- I/k! + X P.
  const auto* multiply = plan.multiply().data();
  const auto* multiply_offsets = plan.multiply_offsets().data();
  auto x_pair = [&](std::int32_t e) { return Pair{load(x_high + e * L), load(x_low + e * L)}; };
  for (long e = 0; e < num_closure; ++e)
    store(p_high + e * L,
          broadcast(plan.is_unit(static_cast<std::size_t>(e)) ? factorials.high[degree] : 0.0));
  for (int k = degree - 1; k >= first_plain; --k) {
    for (long e = 0; e < num_closure; ++e) {
      Vec sum = broadcast(plan.is_unit(static_cast<std::size_t>(e)) ? factorials.high[k] : 0.0);
      for (std::int32_t q = multiply_offsets[e]; q < multiply_offsets[e + 1]; ++q)
        sum = load(x_high + multiply[q].left * L) * load(p_high + multiply[q].right * L) + sum;
      store(q_high + e * L, sum);
    }
    double* swap = p_high;
    p_high = q_high;
    q_high = swap;
  }
  for (long e = 0; e < num_closure; ++e) store(p_low + e * L, broadcast(0.0));
  auto p_pair = [&](std::int32_t e) { return Pair{load(p_high + e * L), load(p_low + e * L)}; };
  auto swap_pairs = [&] {
    double* swap = p_high;
    p_high = q_high;
    q_high = swap;
    swap = p_low;
    p_low = q_low;
    q_low = swap;
  };
  for (int k = first_plain - 1; k >= 0; --k) {
    for (long e = 0; e < num_closure; ++e) {
      const bool is_unit = plan.is_unit(static_cast<std::size_t>(e));
      const Pair start{broadcast(is_unit ? factorials.high[k] : 0.0),
                       broadcast(is_unit ? factorials.low[k] : 0.0)};
      const Pair sum = sum_products(start, multiply + multiply_offsets[e],
                                    multiply + multiply_offsets[e + 1], x_pair, p_pair);
      store(q_high + e * L, sum.high);
      store(q_low + e * L, sum.low);
    }
    swap_pairs();
  }

  // Squaring, each lane as often as it was halved.
  const auto* square = plan.square().data();
  const auto* square_offsets = plan.square_offsets().data();
  for (int round = 0; round < most; ++round) {
    for (long e = 0; e < num_closure; ++e) {
      const Pair sum =
          sum_products(Pair{broadcast(0.0), broadcast(0.0)}, square + square_offsets[e],
                       square + square_offsets[e + 1], p_pair, p_pair);
      store(q_high + e * L, sum.high);
      store(q_low + e * L, sum.low);
    }
    for (int l = 0; l < vector_lanes; ++l) {
      if (squarings[l] > round) continue;
      for (long e = 0; e < num_closure; ++e) {
        q_high[e * L + l] = p_high[e * L + l];
        q_low[e * L + l] = p_low[e * L + l];
      }
    }
    swap_pairs();
  }
  for (long e = 0; e < num_closure; ++e) {
    store(high + e * L, load(p_high + e * L));
    store(low + e * L, load(p_low + e * L));
  }
}

}  // namespace

/// Scaling and squaring (Moler & Van Loan 2003, SIAM Rev. 45:3,
/// doi 10.1137/S00361445024180; Higham 2005, SIAM J. Matrix Anal. Appl.
/// 26:1179, doi 10.1137/04061101X) with the Taylor polynomial of degree 17 at a
/// norm of at most 1/8: its remainder is below 8^-18/18! = 9e-33. Each squaring
/// doubles the relative error, which is why the work is done in twofold
/// precision (sums by Knuth, products by Dekker 1971, doi 10.1007/BF01397083):
/// after s squarings the error is about 2^s 1e-31, far below that of a double
/// for any ratio of rates. Where the off-diagonal of X is not negative
/// (compartments) nothing cancels, so every entry has full relative accuracy
/// (Xue & Ye 2013, Math. Comp. 82:1577, doi 10.1090/S0025-5718-2013-02677-4).
/// Nothing is divided by differences of eigenvalues: equal rates need no
/// special case.
void exponential(const linalg::ExponentialPlan& plan, const double* x, const double* h,
                 double* high, double* low, double* scratch) {
  for (int first = 0; first < linalg::exponential_lanes; first += vector_lanes)
    one_vector(plan, x + first, h + first, high + first, low + first, scratch);
}

}  // namespace krogh::KROGH_ISA
