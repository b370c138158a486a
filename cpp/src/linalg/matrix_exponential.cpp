// Patterns of matrix exponentials.
// SPDX-License-Identifier: BSD-3-Clause
#include "linalg/matrix_exponential.hpp"

namespace krogh::linalg {
namespace {

std::size_t idx(std::int64_t i) { return static_cast<std::size_t>(i); }

}  // namespace

ExponentialPlan::ExponentialPlan(int size, int leading, int num_blocks, std::vector<Entry> entries)
    : size_(size), leading_(leading), entries_(std::move(entries)) {
  const std::size_t n = idx(size);
  const std::size_t blocks = idx(num_blocks);
  std::vector<int> of_entry(blocks * n * n, -1);
  std::vector<char> reaches(blocks * n * n, 0);
  const auto at = [n](std::size_t block, std::size_t i, std::size_t j) {
    return (block * n + i) * n + j;
  };
  for (std::size_t i = 0; i < n; ++i) reaches[at(0, i, i)] = 1;
  for (std::size_t e = 0; e < entries_.size(); ++e) {
    const std::size_t place =
        at(idx(entries_[e].block), idx(entries_[e].row), idx(entries_[e].column));
    of_entry[place] = static_cast<int>(e);
    if (entries_[e].block == 0) reaches[place] = 1;
  }
  for (std::size_t k = 0; k < n; ++k)  // Warshall 1962, doi 10.1145/321105.321107
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = 0; j < n; ++j)
        if (reaches[at(0, i, k)] != 0 && reaches[at(0, k, j)] != 0) reaches[at(0, i, j)] = 1;
  // A derivative: along P, through one entry of X_b, along P.
  for (const Entry& e : entries_)
    for (std::size_t i = 0; e.block > 0 && i < n; ++i)
      for (std::size_t j = 0; j < n; ++j)
        if (reaches[at(0, i, idx(e.row))] != 0 && reaches[at(0, idx(e.column), j)] != 0)
          reaches[at(idx(e.block), i, j)] = 1;
  positions_.assign(blocks * n * n, -1);
  for (std::size_t place = 0; place < reaches.size(); ++place)
    if (reaches[place] != 0) {
      positions_[place] = static_cast<int>(closure_.size());
      closure_.push_back({static_cast<int>(place / n % n), static_cast<int>(place % n),
                          static_cast<int>(place / (n * n))});
    }
  multiply_offsets_.push_back(0);
  square_offsets_.push_back(0);
  for (const Entry& e : closure_) {
    const std::size_t i = idx(e.row);
    const std::size_t j = idx(e.column);
    const std::size_t b = idx(e.block);
    auto meet = [&](std::size_t left_block, std::size_t right_block) {
      for (std::size_t k = 0; k < n; ++k) {
        const int right = positions_[at(right_block, k, j)];
        if (right < 0) continue;
        const int entry = of_entry[at(left_block, i, k)];
        if (entry >= 0) multiply_.push_back({entry, right});
        const int left = positions_[at(left_block, i, k)];
        if (left >= 0) square_.push_back({left, right});
      }
    };
    meet(0, b);
    if (b > 0) meet(b, 0);
    multiply_offsets_.push_back(static_cast<std::int32_t>(multiply_.size()));
    square_offsets_.push_back(static_cast<std::int32_t>(square_.size()));
  }
}

std::size_t ExponentialPlan::scratch_size() const {
  return (2 * entries_.size() + 4 * closure_.size()) * idx(exponential_lanes);
}

}  // namespace krogh::linalg
