// Linear algebra: symbolic sparse LU and small dense systems against Eigen.
// SPDX-License-Identifier: BSD-3-Clause
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>
#include <vector>

#include <Eigen/LU>
#include <doctest/doctest.h>

#include <krogh/base/errors.hpp>
#include <krogh/linalg/sparse_lu.hpp>

#include "linalg/dense_lu.hpp"

using namespace krogh;
using expr::Graph;
using expr::no_node;
using expr::NodeId;

namespace {

/// A random matrix of nodes with the given share of nonzeros and a strong diagonal; every entry is
/// a parameter, whose values are returned.
std::vector<NodeId> random_pattern(Graph& graph, int n, double density, std::mt19937_64& random,
                                   std::vector<double>& values) {
  std::uniform_real_distribution<double> uniform(-1.0, 1.0);
  std::vector<NodeId> matrix(static_cast<std::size_t>(n * n), no_node);
  for (int i = 0; i < n; ++i)
    for (int j = 0; j < n; ++j) {
      if (i != j && std::abs(uniform(random)) > density) continue;
      matrix[static_cast<std::size_t>(i * n + j)] =
          graph.parameter(static_cast<int>(values.size()));
      values.push_back(uniform(random) + (i == j ? 2.0 + n * density : 0.0));
    }
  return matrix;
}

Eigen::MatrixXd dense(const Graph& graph, const std::vector<NodeId>& matrix,
                      const std::vector<double>& values, int n) {
  Eigen::MatrixXd a = Eigen::MatrixXd::Zero(n, n);
  for (int i = 0; i < n; ++i)
    for (int j = 0; j < n; ++j) {
      const NodeId id = matrix[static_cast<std::size_t>(i * n + j)];
      if (id != no_node) a(i, j) = graph.evaluate(id, {}, values, 0.0);
    }
  return a;
}

}  // namespace

TEST_CASE("the symbolic factors solve random sparse systems as Eigen does") {
  std::mt19937_64 random(20231);
  for (int n : {1, 2, 3, 5, 8, 13, 21})
    for (double density : {0.1, 0.3, 1.0}) {
      CAPTURE(n);
      CAPTURE(density);
      Graph graph;
      std::vector<double> values;
      const auto matrix = random_pattern(graph, n, density, random, values);
      std::vector<NodeId> rhs;
      for (int i = 0; i < n; ++i) {
        rhs.push_back(graph.parameter(static_cast<int>(values.size())));
        values.push_back(std::cos(1.0 + i));
      }
      const linalg::SymbolicLu lu = linalg::factorize(graph, matrix, n);
      const std::vector<NodeId> x = linalg::solve(graph, lu, rhs);
      Eigen::VectorXd b(n), found(n);
      for (int i = 0; i < n; ++i) {
        b(i) = std::cos(1.0 + i);
        found(i) = graph.evaluate(x[static_cast<std::size_t>(i)], {}, values, 0.0);
      }
      const Eigen::VectorXd exact = dense(graph, matrix, values, n).partialPivLu().solve(b);
      CHECK((found - exact).norm() <= 1e-12 * exact.norm());

      std::vector<int> order = lu.order;
      std::sort(order.begin(), order.end());
      std::vector<int> all(static_cast<std::size_t>(n));
      std::iota(all.begin(), all.end(), 0);
      CHECK(order == all);
    }
}

TEST_CASE("an arrow matrix is eliminated without fill") {
  // Dense last row and column put first: eliminating row 0 first would fill everything.
  const int n = 12;
  Graph graph;
  std::vector<NodeId> matrix(n * n, no_node);
  int count = 0;
  for (int i = 0; i < n; ++i)
    for (int j = 0; j < n; ++j)
      if (i == j || i == 0 || j == 0)
        matrix[static_cast<std::size_t>(i * n + j)] = graph.parameter(count++);
  const linalg::SymbolicLu lu = linalg::factorize(graph, matrix, n);
  const auto stored =
      std::count_if(lu.entries.begin(), lu.entries.end(), [](NodeId id) { return id != no_node; });
  CHECK(stored == count - n);  // the diagonal is held as inverse pivots
  CHECK(lu.inverse_pivots.size() == static_cast<std::size_t>(n));
  CHECK(lu.needed().size() == static_cast<std::size_t>(count));
}

TEST_CASE("a structurally zero diagonal is refused, a vanishing pivot gives no number") {
  Graph graph;
  const std::vector<NodeId> hollow = {no_node, graph.parameter(0), graph.parameter(1), no_node};
  CHECK_THROWS_WITH_AS(linalg::factorize(graph, hollow, 2), doctest::Contains("zero diagonal"),
                       InvalidInput);

  // [[1, 1], [1, 1 + p]] has the second pivot p: below 1e-10 it must not pass for a number.
  const NodeId one = graph.parameter(0), p = graph.parameter(1);
  const std::vector<NodeId> near = {one, one, one, graph.add(one, p)};
  const linalg::SymbolicLu lu = linalg::factorize(graph, near, 2);
  const std::vector<NodeId> rhs = {one, graph.constant(0.0)};
  const auto x = linalg::solve(graph, lu, rhs);
  CHECK(std::isnan(graph.evaluate(x[1], {}, std::vector<double>{1.0, 1e-13}, 0.0)));
  CHECK(graph.evaluate(x[1], {}, std::vector<double>{1.0, 0.5}, 0.0) == doctest::Approx(-2.0));
}

TEST_CASE("small dense systems with pivoting, several right-hand sides") {
  // The matrices are products of known factors: A = R diag(d) with R orthogonal (Householder), so
  // the exact solution of A X = B is diag(1/d) R^T B.
  std::mt19937_64 random(7);
  std::uniform_real_distribution<double> uniform(-1.0, 1.0);
  for (int n : {1, 2, 5, 17}) {
    const int columns = 3;
    std::vector<double> v, d;
    for (int i = 0; i < n; ++i) {
      v.push_back(uniform(random));
      d.push_back(std::exp(4.0 * uniform(random)));
    }
    const double norm = std::inner_product(v.begin(), v.end(), v.begin(), 0.0);
    auto reflection = [&](int i, int j) {
      return (i == j ? 1.0 : 0.0) -
             2.0 * v[static_cast<std::size_t>(i)] * v[static_cast<std::size_t>(j)] / norm;
    };
    std::vector<double> a, b, exact(static_cast<std::size_t>(n * columns), 0.0);
    for (int i = 0; i < n; ++i)
      for (int j = 0; j < n; ++j) a.push_back(reflection(i, j) * d[static_cast<std::size_t>(j)]);
    for (int i = 0; i < n * columns; ++i) b.push_back(uniform(random));
    for (int i = 0; i < n; ++i)
      for (int c = 0; c < columns; ++c)
        for (int k = 0; k < n; ++k)
          exact[static_cast<std::size_t>(i * columns + c)] +=
              reflection(k, i) * b[static_cast<std::size_t>(k * columns + c)] /
              d[static_cast<std::size_t>(i)];
    REQUIRE(linalg::solve_dense(a, b, n, columns));
    for (std::size_t i = 0; i < exact.size(); ++i)
      CHECK(b[i] == doctest::Approx(exact[i]).epsilon(1e-11));
  }
  // A zero in the first place needs a row exchange; equal rows have no solution.
  std::vector<double> swap = {0.0, 2.0, 3.0, 0.0}, right = {4.0, 9.0};
  REQUIRE(linalg::solve_dense(swap, right, 2, 1));
  CHECK(right[0] == 3.0);
  CHECK(right[1] == 2.0);
  std::vector<double> singular = {1.0, 2.0, 2.0, 4.0}, rest = {1.0, 1.0};
  CHECK_FALSE(linalg::solve_dense(singular, rest, 2, 1));
  CHECK(rest == std::vector<double>{1.0, 1.0});
  for (double wrong : {std::nan(""), std::numeric_limits<double>::infinity()}) {
    std::vector<double> broken = {wrong, 1.0, 1.0, 2.0};
    CHECK_FALSE(linalg::solve_dense(broken, rest, 2, 1));
  }
  // Rows of very different size are no reason to refuse.
  std::vector<double> scaled = {1e-12, 0.0, 0.0, 1e9}, ones = {1.0, 1.0};
  REQUIRE(linalg::solve_dense(scaled, ones, 2, 1));
  CHECK(ones[0] == doctest::Approx(1e12));
}
