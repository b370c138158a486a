// Owned arrays of numbers aligned to cache lines.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstddef>
#include <cstdlib>
#include <new>
#include <utility>

namespace krogh {

/// Zero-initialized array of numbers on a 64-byte boundary; movable, not copyable.
template <class T>
class AlignedArray {
 public:
  AlignedArray() = default;
  /// @throws std::bad_alloc if memory is not to be had.
  explicit AlignedArray(std::size_t size)
      : data_(size == 0 ? nullptr : static_cast<T*>(::operator new(size * sizeof(T), alignment))),
        size_(size) {
    for (std::size_t i = 0; i < size_; ++i) data_[i] = T{};
  }
  ~AlignedArray() { ::operator delete(data_, alignment); }
  AlignedArray(AlignedArray&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  AlignedArray& operator=(AlignedArray&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  AlignedArray(const AlignedArray&) = delete;
  AlignedArray& operator=(const AlignedArray&) = delete;

  T* data() { return data_; }
  const T* data() const { return data_; }
  std::size_t size() const { return size_; }

 private:
  static constexpr std::align_val_t alignment{64};
  T* data_ = nullptr;
  std::size_t size_ = 0;
};

using AlignedBuffer = AlignedArray<double>;

}  // namespace krogh
