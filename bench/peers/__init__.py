"""Other programs on the same problems, and the reference solutions.

SPDX-License-Identifier: BSD-3-Clause
"""
