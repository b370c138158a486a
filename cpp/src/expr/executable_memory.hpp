// Memory that holds machine code: written first, then made executable and read-only.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace krogh::expr {

/// Owned pages with a copy of `code`; never writable and executable at the same time.
class ExecutableMemory {
 public:
  /// @throws std::bad_alloc if the system grants no such memory.
  explicit ExecutableMemory(const std::vector<std::uint8_t>& code);
  ~ExecutableMemory();
  ExecutableMemory(const ExecutableMemory&) = delete;
  ExecutableMemory& operator=(const ExecutableMemory&) = delete;

  const void* at(std::size_t offset) const { return static_cast<const char*>(pages_) + offset; }

  /// Whether the system grants executable memory to this process; tried once.
  static bool is_available();

 private:
  void* pages_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace krogh::expr
