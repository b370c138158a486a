// Counter-based random numbers: known answers, quantiles, draws that depend on their position
// alone. SPDX-License-Identifier: BSD-3-Clause
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include <doctest/doctest.h>

#include <krogh/base/random.hpp>

using namespace krogh;
using Counter = std::array<std::uint32_t, 4>;
using Key = std::array<std::uint32_t, 2>;

TEST_CASE("philox gives the published answers") {
  // File kat_vectors of Random123 1.14 (D. E. Shaw Research), lines "philox4x32 10".
  CHECK(philox({0, 0, 0, 0}, {0, 0}) == Counter{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  CHECK(philox({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}) ==
        Counter{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
        Counter{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("normal quantiles") {
  // Values to 16 digits by Newton's method on the complementary error function in long arithmetic.
  CHECK(normal_quantile(0.5) == 0.0);
  CHECK(normal_quantile(0.975) == doctest::Approx(1.959963984540054).epsilon(1e-15));
  CHECK(normal_quantile(0.25) == doctest::Approx(-0.6744897501960817).epsilon(1e-15));
  CHECK(normal_quantile(1e-10) == doctest::Approx(-6.361340902404056).epsilon(1e-15));
  CHECK(normal_quantile(1e-20) == doctest::Approx(-9.262340089798408).epsilon(1e-15));
  CHECK(normal_quantile(0.0) == -std::numeric_limits<double>::infinity());
  CHECK(normal_quantile(1.0) == std::numeric_limits<double>::infinity());
  CHECK(std::isnan(normal_quantile(-0.1)));
  CHECK(std::isnan(normal_quantile(1.1)));
  // The inverse of erfc over all ranges of the approximation.
  for (double p = 1e-15; p < 0.5; p *= 1.37) {
    const double q = normal_quantile(p);
    CHECK(0.5 * std::erfc(-q * std::sqrt(0.5)) == doctest::Approx(p).epsilon(2e-14));
    CHECK(normal_quantile(1.0 - p) == doctest::Approx(-q).epsilon(1e-16 / p + 1e-15));
  }
}

TEST_CASE("a draw depends on seed, purpose, subject and position alone") {
  const RandomStream stream{.seed = 1234567890123456789, .purpose = 42, .subject = 1ULL << 40};
  std::vector<double> many(9), few(4), other(9);
  fill_normal(stream, many);
  fill_normal(stream, few);
  CHECK(std::equal(few.begin(), few.end(), many.begin()));
  for (const RandomStream& changed :
       {RandomStream{.seed = stream.seed + (1ULL << 32), .purpose = 42, .subject = 1ULL << 40},
        RandomStream{.seed = stream.seed, .purpose = 43, .subject = 1ULL << 40},
        RandomStream{.seed = stream.seed, .purpose = 42, .subject = 1ULL << 41}}) {
    fill_normal(changed, other);
    for (std::size_t k = 0; k < many.size(); ++k) CHECK(other[k] != many[k]);
  }
  std::vector<double> uniform(9);
  fill_uniform(stream, uniform);
  for (std::size_t k = 0; k < many.size(); ++k) CHECK(many[k] == normal_quantile(uniform[k]));
}

TEST_CASE("uniform numbers fill the open interval evenly") {
  constexpr int count = 200'000;
  std::vector<double> u(count);
  fill_uniform({.seed = 7, .purpose = 1, .subject = 3}, u);
  std::vector<int> bins(100, 0);
  double sum = 0.0, square = 0.0;
  for (double x : u) {
    CHECK((x > 0.0 && x < 1.0));
    ++bins[static_cast<std::size_t>(x * 100.0)];
    sum += x;
    square += x * x;
  }
  CHECK(std::abs(sum / count - 0.5) < 4.0 * std::sqrt(1.0 / 12.0 / count));
  CHECK(std::abs(square / count - 1.0 / 3.0) < 4.0 * std::sqrt(4.0 / 45.0 / count));
  double chi_square = 0.0;
  for (int bin : bins)
    chi_square += (bin - count / 100.0) * (bin - count / 100.0) / (count / 100.0);
  CHECK(chi_square > 50.0);  // 99 degrees of freedom: 1e-5 and 1 - 1e-5 quantiles
  CHECK(chi_square < 166.0);
}
