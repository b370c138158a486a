"""``krogh demo``: which co-dose reaches every cell, and which dose stops a tumor that was measured.

SPDX-License-Identifier: BSD-3-Clause

The same from Python:

>>> from krogh.demo import answer_erlotinib, answer_tdm1, answer_volume
>>> answer_tdm1(tumours=500).plan.best
>>> answer_erlotinib("koch").standstill.dose
>>> answer_volume(size="400 um").results["T-DM1"]
"""

from krogh.demo.erlotinib import ErlotinibAnswer, answer_erlotinib
from krogh.demo.tdm1 import TDM1Answer, answer_tdm1
from krogh.demo.volume import VolumeAnswer, answer_volume

__all__ = [
    "ErlotinibAnswer",
    "TDM1Answer",
    "VolumeAnswer",
    "answer_erlotinib",
    "answer_tdm1",
    "answer_volume",
]
