// Philox4x32-10, uniform and normal draws.
// SPDX-License-Identifier: BSD-3-Clause
#include <krogh/base/random.hpp>

#include <cmath>
#include <limits>

namespace krogh {
namespace {

/// Horner's rule, constant term first.
template <std::size_t N>
double polynomial(const double (&c)[N], double x) {
  double value = c[N - 1];
  for (std::size_t k = N - 1; k-- > 0;) value = value * x + c[k];
  return value;
}

// Rational approximations of AS 241: center, and two ranges of r = sqrt(-log(tail probability)).
constexpr double center_split = 0.425;
constexpr double center_square = 0.180625;  // 0.425^2
constexpr double tail_split = 5.0;
constexpr double tail_shift = 1.6;
constexpr double center_top[] = {3.3871328727963666080e0,  1.3314166789178437745e+2,
                                 1.9715909503065514427e+3, 1.3731693765509461125e+4,
                                 4.5921953931549871457e+4, 6.7265770927008700853e+4,
                                 3.3430575583588128105e+4, 2.5090809287301226727e+3};
constexpr double center_bottom[] = {1.0,
                                    4.2313330701600911252e+1,
                                    6.8718700749205790830e+2,
                                    5.3941960214247511077e+3,
                                    2.1213794301586595867e+4,
                                    3.9307895800092710610e+4,
                                    2.8729085735721942674e+4,
                                    5.2264952788528545610e+3};
constexpr double near_top[] = {1.42343711074968357734e0,  4.63033784615654529590e0,
                               5.76949722146069140550e0,  3.64784832476320460504e0,
                               1.27045825245236838258e0,  2.41780725177450611770e-1,
                               2.27238449892691845833e-2, 7.74545014278341407640e-4};
constexpr double near_bottom[] = {1.0,
                                  2.05319162663775882187e0,
                                  1.67638483018380384940e0,
                                  6.89767334985100004550e-1,
                                  1.48103976427480074590e-1,
                                  1.51986665636164571966e-2,
                                  5.47593808499534494600e-4,
                                  1.05075007164441684324e-9};
constexpr double far_top[] = {6.65790464350110377720e0,  5.46378491116411436990e0,
                              1.78482653991729133580e0,  2.96560571828504891230e-1,
                              2.65321895265761230930e-2, 1.24266094738807843860e-3,
                              2.71155556874348757815e-5, 2.01033439929228813265e-7};
constexpr double far_bottom[] = {1.0,
                                 5.99832206555887937690e-1,
                                 1.36929880922735805310e-1,
                                 1.48753612908506148525e-2,
                                 7.86869131145613259100e-4,
                                 1.84631831751005468180e-5,
                                 1.42151175831644588870e-7,
                                 2.04426310338993978564e-15};

/// Top 52 bits of two words, in the middle of their cell: neither 0 nor 1.
double open_unit(std::uint32_t high, std::uint32_t low) {
  const std::uint64_t bits = (std::uint64_t{high} << 32 | low) >> 12;
  return (static_cast<double>(bits) + 0.5) * 0x1p-52;
}

template <class Transform>
void fill(const RandomStream& stream, std::span<double> target, const Transform& transform) {
  const std::array<std::uint32_t, 2> key{static_cast<std::uint32_t>(stream.seed),
                                         static_cast<std::uint32_t>(stream.seed >> 32)};
  for (std::size_t k = 0; k < target.size(); k += 2) {
    const auto words = philox({static_cast<std::uint32_t>(stream.subject),
                               static_cast<std::uint32_t>(stream.subject >> 32),
                               static_cast<std::uint32_t>(k / 2), stream.purpose},
                              key);
    target[k] = transform(open_unit(words[0], words[1]));
    if (k + 1 < target.size()) target[k + 1] = transform(open_unit(words[2], words[3]));
  }
}

}  // namespace

std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> counter,
                                    std::array<std::uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t first = std::uint64_t{0xD2511F53} * counter[0];
    const std::uint64_t second = std::uint64_t{0xCD9E8D57} * counter[2];
    counter = {static_cast<std::uint32_t>(second >> 32) ^ counter[1] ^ key[0],
               static_cast<std::uint32_t>(second),
               static_cast<std::uint32_t>(first >> 32) ^ counter[3] ^ key[1],
               static_cast<std::uint32_t>(first)};
    key[0] += 0x9E3779B9U;  // golden ratio
    key[1] += 0xBB67AE85U;  // sqrt(3) - 1
  }
  return counter;
}

double normal_quantile(double p) {
  if (!(p >= 0.0 && p <= 1.0)) return std::numeric_limits<double>::quiet_NaN();
  const double q = p - 0.5;
  if (std::abs(q) <= center_split) {
    const double r = center_square - q * q;
    return q * polynomial(center_top, r) / polynomial(center_bottom, r);
  }
  const double tail = q < 0.0 ? p : 1.0 - p;
  if (tail == 0.0) return std::copysign(std::numeric_limits<double>::infinity(), q);
  const double r = std::sqrt(-std::log(tail));
  const double size =
      r <= tail_split
          ? polynomial(near_top, r - tail_shift) / polynomial(near_bottom, r - tail_shift)
          : polynomial(far_top, r - tail_split) / polynomial(far_bottom, r - tail_split);
  return std::copysign(size, q);
}

void fill_uniform(const RandomStream& stream, std::span<double> target) {
  fill(stream, target, [](double u) { return u; });
}

void fill_normal(const RandomStream& stream, std::span<double> target) {
  fill(stream, target, [](double u) { return normal_quantile(u); });
}

}  // namespace krogh
