"""``krogh demo``: which co-dose reaches every cell, and which dose stops a tumor that was measured.

SPDX-License-Identifier: BSD-3-Clause

The same from Python:

>>> from krogh.demo import answer_erlotinib, answer_tdm1
>>> answer_tdm1(tumours=500).plan.best
>>> answer_erlotinib("koch").standstill.dose
"""

from krogh.demo.erlotinib import ErlotinibAnswer, answer_erlotinib
from krogh.demo.tdm1 import TDM1Answer, answer_tdm1

__all__ = ["ErlotinibAnswer", "TDM1Answer", "answer_erlotinib", "answer_tdm1"]
