"""Whole problems run by krogh through its Python interface.

SPDX-License-Identifier: BSD-3-Clause
"""
