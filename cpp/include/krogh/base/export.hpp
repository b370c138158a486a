// Visibility of public symbols: everything else is hidden.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#if defined(_WIN32) || defined(__CYGWIN__)
#if defined(KROGH_SHARED_BUILD)
#define KROGH_EXPORT __declspec(dllexport)
#elif defined(KROGH_SHARED)
#define KROGH_EXPORT __declspec(dllimport)
#else
#define KROGH_EXPORT
#endif
#else
#define KROGH_EXPORT __attribute__((visibility("default")))
#endif
