// Large arrays of zeros whose pages the system hands out when they are first written.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>

namespace krogh {

/// Doubles on a 64-byte boundary, all zero. Unlike AlignedArray, nothing is written when they are
/// made: that takes no time, and pages belong to the thread that uses them first.
class FreshPages {
 public:
  FreshPages() = default;
  /// @throws std::bad_alloc if memory is not to be had.
  explicit FreshPages(std::size_t size)
      : memory_(std::calloc(size * sizeof(double) + alignment, 1), &std::free) {
    if (memory_ == nullptr) throw std::bad_alloc();
    void* start = memory_.get();
    std::size_t space = size * sizeof(double) + alignment;
    data_ = static_cast<double*>(std::align(alignment, size * sizeof(double), start, space));
  }
  double* data() { return data_; }

 private:
  static constexpr std::size_t alignment = 64;
  std::unique_ptr<void, void (*)(void*)> memory_{nullptr, &std::free};
  double* data_ = nullptr;
};

}  // namespace krogh
