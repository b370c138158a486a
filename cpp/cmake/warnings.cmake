# Warnings, errors in the developer build, sanitizers.
# SPDX-License-Identifier: BSD-3-Clause

add_library(krogh_warnings INTERFACE)
if(KROGH_DEVELOPER)
  target_compile_options(krogh_warnings INTERFACE
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wno-unknown-pragmas
    # Designated initializers name what differs; the rest keeps its default on purpose.
    -Wno-missing-field-initializers
    # gcc 12 sees overlaps in the concatenation of std::string where there are none (gcc bug 105651).
    $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>
    -Werror)
  target_compile_definitions(krogh_warnings INTERFACE _GLIBCXX_ASSERTIONS)
endif()
if(KROGH_SANITIZE)
  add_compile_options(-fsanitize=${KROGH_SANITIZE} -fno-sanitize-recover=all
    -fno-omit-frame-pointer -g)
  add_link_options(-fsanitize=${KROGH_SANITIZE})
endif()
