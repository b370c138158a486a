"""krogh: a drug's way from the dose to the tumour's response.

SPDX-License-Identifier: BSD-3-Clause
"""
