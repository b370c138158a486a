# Kernels: every *.kernel.cpp is compiled once per instruction set.
# SPDX-License-Identifier: BSD-3-Clause

# krogh_add_kernels(<target> <file>...): adds the object files for each instruction set.
function(krogh_add_kernels target)
  # gcc reports every array whose bound is an int template parameter (lanes, stages) as a change of
  # sign; clang does not. The property of a file comes after the target's warnings.
  set_source_files_properties(${ARGN} PROPERTIES COMPILE_OPTIONS "-Wno-sign-conversion")
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$" AND NOT CMAKE_OSX_ARCHITECTURES MATCHES "arm64")
    set(sets x86_v2 x86_v3 x86_v4)
  else()
    set(sets plain)
  endif()
  foreach(set IN LISTS sets)
    add_library(${target}_${set} OBJECT ${ARGN})
    target_compile_definitions(${target}_${set} PRIVATE KROGH_ISA=${set})
    target_compile_options(${target}_${set} PRIVATE ${KROGH_KERNEL_OPTIONS})
    if(set MATCHES "^x86_(v[234])$")
      target_compile_options(${target}_${set} PRIVATE -march=x86-64-${CMAKE_MATCH_1})
    endif()
    if(set STREQUAL "x86_v4")
      # gcc prefers 256-bit vectors; the kernels' blocks of lanes fill 512.
      target_compile_options(${target}_${set} PRIVATE -mprefer-vector-width=512)
    endif()
    target_include_directories(${target}_${set} PRIVATE
      $<TARGET_PROPERTY:${target},INCLUDE_DIRECTORIES>)
    target_link_libraries(${target}_${set} PRIVATE krogh_numerics krogh_warnings)
    target_sources(${target} PRIVATE $<TARGET_OBJECTS:${target}_${set}>)
  endforeach()
endfunction()
