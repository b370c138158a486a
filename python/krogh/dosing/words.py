"""Words of dosing sentences and what they stand for.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Final

from krogh.dosing.dose import ROUTES

DAY: Final = Fraction(86400)
ADVERBS: Final = {
    "hourly": Fraction(3600),
    "daily": DAY,
    "weekly": 7 * DAY,
    "fortnightly": 14 * DAY,
    "nightly": DAY,
}
ABBREVIATIONS: Final = {
    "qd": DAY,
    "qod": 2 * DAY,
    "qw": 7 * DAY,
    "qwk": 7 * DAY,
    "qh": Fraction(3600),
    "bid": DAY / 2,
    "bd": DAY / 2,
    "tid": DAY / 3,
    "tds": DAY / 3,
    "qid": DAY / 4,
    "qds": DAY / 4,
}
Q_UNITS: Final = {
    "min": Fraction(60),
    "h": Fraction(3600),
    "hr": Fraction(3600),
    "hrs": Fraction(3600),
    "d": DAY,
    "day": DAY,
    "days": DAY,
    "w": 7 * DAY,
    "wk": 7 * DAY,
    "wks": 7 * DAY,
    "week": 7 * DAY,
    "weeks": 7 * DAY,
}
PERIODS: Final = {
    "hour": Fraction(3600),
    "day": DAY,
    "week": 7 * DAY,
    "evening": DAY,
    "morning": DAY,
    "night": DAY,
}
TIMES_WORDS: Final = {"once": 1, "twice": 2, "thrice": 3}
NUMBER_WORDS: Final = {
    "one": 1,
    "two": 2,
    "three": 3,
    "four": 4,
    "five": 5,
    "six": 6,
    "seven": 7,
    "eight": 8,
    "nine": 9,
    "ten": 10,
    "eleven": 11,
    "twelve": 12,
}
AMBIGUOUS: Final = {
    "monthly": "'every 28 d' or 'every 4 weeks'",
    "biweekly": "'every 14 d' or 'on days 1 and 4 every 7 d'",
    "bimonthly": "the interval in days",
    "yearly": "'every 365 d'",
    "until": "'for 42 d' (doses before that time has passed) or the number of doses, 'x 6'",
    "per": "a rate ('4 mg/h for 24 h') or a dose and its interval ('100 mg every 24 h')",
}
STARTERS: Final = ("loading", "load", "maintenance", "give")
Q_FORM = re.compile(r"q([0-9]+)([a-z]*)")
X_FORM = re.compile(r"x([0-9]+)")
COUNTED: Final = ("times", "doses", "dose", "cycles", "cycle", "infusions", "injections")

KEYWORDS: Final = frozenset(
    {
        *("over", "for", "every", "each", "then", "followed", "by", "at", "and", "starting"),
        *("start", "from", "after", "into", "of", "on", "day", "days", "x", "steady", "state"),
        *("bolus", "infusion", "ss", "other", "second", "a", "per", "auc", "with", "modeled"),
        *(
            "rate",
            "duration",
            "until",
            "superposed",
            "compartment",
            "mouth",
            "infused",
            "q",
            "single",
        ),
        *ADVERBS,
        *ABBREVIATIONS,
        *TIMES_WORDS,
        *NUMBER_WORDS,
        *AMBIGUOUS,
        *STARTERS,
        *COUNTED,
        *ROUTES,
        *(other for others in ROUTES.values() for other in others),
    }
)
"""Words with a meaning; a drug with such a name is written in quotes."""

NOT_UNITS: Final = KEYWORDS - {"day", "days"}
"""Words that cannot be a unit after another unit."""
