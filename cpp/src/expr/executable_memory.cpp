// Executable memory from the system, where there is a way to ask for it.
// SPDX-License-Identifier: BSD-3-Clause
#include "expr/executable_memory.hpp"

#include <cstring>
#include <new>

#if defined(__unix__) || defined(__APPLE__)
#include <sys/mman.h>
#define KROGH_HAS_MMAP 1
#endif

namespace krogh::expr {

#if defined(KROGH_HAS_MMAP)

ExecutableMemory::ExecutableMemory(const std::vector<std::uint8_t>& code) : size_(code.size()) {
  void* const pages =
      mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED) throw std::bad_alloc();
  std::memcpy(pages, code.data(), size_);
  if (mprotect(pages, size_, PROT_READ | PROT_EXEC) != 0) {
    munmap(pages, size_);
    throw std::bad_alloc();
  }
  pages_ = pages;
}

ExecutableMemory::~ExecutableMemory() {
  if (pages_ != nullptr) munmap(pages_, size_);
}

#else

ExecutableMemory::ExecutableMemory(const std::vector<std::uint8_t>&) { throw std::bad_alloc(); }
ExecutableMemory::~ExecutableMemory() = default;

#endif

bool ExecutableMemory::is_available() {
  static const bool answer = [] {
    try {
      const ExecutableMemory trial(std::vector<std::uint8_t>{0xc3});
      return true;
    } catch (const std::bad_alloc&) {
      return false;
    }
  }();
  return answer;
}

}  // namespace krogh::expr
