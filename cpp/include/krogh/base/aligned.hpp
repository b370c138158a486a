// Owned arrays of doubles aligned to cache lines.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstddef>
#include <cstdlib>
#include <new>
#include <utility>

namespace krogh {

/// Zero-initialized array of doubles on a 64-byte boundary; movable, not copyable.
class AlignedBuffer {
 public:
  AlignedBuffer() = default;
  /// @throws std::bad_alloc if memory is not to be had.
  explicit AlignedBuffer(std::size_t size)
      : data_(size == 0 ? nullptr
                        : static_cast<double*>(::operator new(size * sizeof(double), alignment))),
        size_(size) {
    for (std::size_t i = 0; i < size_; ++i) data_[i] = 0.0;
  }
  ~AlignedBuffer() { ::operator delete(data_, alignment); }
  AlignedBuffer(AlignedBuffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  AlignedBuffer& operator=(AlignedBuffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  AlignedBuffer(const AlignedBuffer&) = delete;
  AlignedBuffer& operator=(const AlignedBuffer&) = delete;

  double* data() { return data_; }
  const double* data() const { return data_; }
  std::size_t size() const { return size_; }

 private:
  static constexpr std::align_val_t alignment{64};
  double* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace krogh
