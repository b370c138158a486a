"""``krogh demo``: which co-dose reaches every cell, and which dose stops a tumor that was measured.

SPDX-License-Identifier: BSD-3-Clause

The same from Python:

>>> from krogh.demo import answer_erlotinib
>>> answer = answer_erlotinib("koch")
>>> answer.standstill.dose, answer.growth.converged
"""

from krogh.demo.erlotinib import ErlotinibAnswer, answer_erlotinib

__all__ = ["ErlotinibAnswer", "answer_erlotinib"]
