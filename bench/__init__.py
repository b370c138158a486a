"""Benchmarks: machine roof, kernels, whole problems, and other programs beside them.

SPDX-License-Identifier: BSD-3-Clause
"""
