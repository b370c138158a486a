// Patterns of matrix exponentials.
// SPDX-License-Identifier: BSD-3-Clause
#include "linalg/matrix_exponential.hpp"

namespace krogh::linalg {
namespace {

std::size_t idx(std::int64_t i) { return static_cast<std::size_t>(i); }

}  // namespace

ExponentialPlan::ExponentialPlan(int size, int leading, std::vector<std::pair<int, int>> entries)
    : size_(size), leading_(leading), entries_(std::move(entries)) {
  const std::size_t n = idx(size);
  std::vector<int> of_entry(n * n, -1);
  std::vector<char> reaches(n * n, 0);
  for (std::size_t i = 0; i < n; ++i) reaches[i * n + i] = 1;
  for (std::size_t e = 0; e < entries_.size(); ++e) {
    const std::size_t at = idx(entries_[e].first) * n + idx(entries_[e].second);
    of_entry[at] = static_cast<int>(e);
    reaches[at] = 1;
  }
  for (std::size_t k = 0; k < n; ++k)  // Warshall 1962
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = 0; j < n; ++j)
        if (reaches[i * n + k] != 0 && reaches[k * n + j] != 0) reaches[i * n + j] = 1;
  positions_.assign(n * n, -1);
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < n; ++j)
      if (reaches[i * n + j] != 0) {
        positions_[i * n + j] = static_cast<int>(closure_.size());
        closure_.emplace_back(static_cast<int>(i), static_cast<int>(j));
      }
  multiply_offsets_.push_back(0);
  square_offsets_.push_back(0);
  for (const auto& [row, column] : closure_) {
    const std::size_t i = idx(row);
    const std::size_t j = idx(column);
    for (std::size_t k = 0; k < n; ++k) {
      if (positions_[k * n + j] < 0) continue;
      if (of_entry[i * n + k] >= 0)
        multiply_.push_back({of_entry[i * n + k], positions_[k * n + j]});
      if (positions_[i * n + k] >= 0)
        square_.push_back({positions_[i * n + k], positions_[k * n + j]});
    }
    multiply_offsets_.push_back(static_cast<std::int32_t>(multiply_.size()));
    square_offsets_.push_back(static_cast<std::int32_t>(square_.size()));
  }
}

std::size_t ExponentialPlan::scratch_size() const {
  return (2 * entries_.size() + 4 * closure_.size()) * idx(exponential_lanes);
}

}  // namespace krogh::linalg
