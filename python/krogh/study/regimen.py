"""The regimen of a study: every dose gets the name of a drug of the study.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from krogh.dosing import Dose, Regimen
from krogh.errors import SpecError, did_you_mean

if TYPE_CHECKING:
    from krogh.library.drug_spec import Drug

__all__ = ["assigned_regimen", "drug_called", "given_regimen"]


def _plain(name: str) -> str:
    return re.sub(r"[\W_]", "", name).lower()


def drug_called(name: str, drugs: Sequence[Drug]) -> Drug | None:
    """Return the drug that a user's name means, whatever its letter case, blanks and hyphens."""
    for drug in drugs:
        if _plain(name) in {_plain(n) for n in (drug.name, drug.label, *drug.aliases)}:
            return drug
    return None


def given_regimen(what: Any, plasma: Any, drugs: Sequence[Drug]) -> Regimen | None:
    """Return the regimen, None where the plasma is given.

    Raises
    ------
    SpecError
        KG-141 for both or neither, and as `assigned_regimen`.
    """
    if (what is None) == (plasma is None):
        both = "both are given" if what is not None else "neither is given"
        raise SpecError(
            "KG-141: a study has a regimen ('3.6 mg/kg'), or the concentrations outside of the"
            f" tissue (plasma={{'{drugs[0].name}': '100 nM'}}); {both}."
        )
    return None if what is None else assigned_regimen(what, drugs)


def assigned_regimen(what: str | Dose | Regimen | Sequence[Any], drugs: Sequence[Drug]) -> Regimen:
    """Return the regimen with the drug's own name in every dose.

    Raises
    ------
    SpecError
        KG-141 where a dose of several drugs does not say which, where a dose is of a drug that the
        study does not have, or a drug of the study is never given.
    DataError, UnitError
        As `krogh.dosing.Regimen` raises them.
    """
    regimen = what if isinstance(what, Regimen) else Regimen(what)
    names = [drug.name for drug in drugs]
    doses: list[Dose] = []
    for dose in regimen.doses:
        if dose.drug is None:
            if len(drugs) > 1:
                example = " + ".join(f"{name} 3.6 mg/kg" for name in names)
                raise SpecError(
                    f"KG-141: the dose {str(dose)!r} does not say which drug it is of, and the"
                    f" study has {', '.join(names)}.  Write for example {example!r}."
                )
            doses.append(dose.replace(drug=names[0]))
            continue
        drug = drug_called(dose.drug, drugs)
        if drug is None:
            raise SpecError(
                f"KG-141: the regimen gives {dose.drug!r}, which is no drug of the study."
                f"{did_you_mean(dose.drug, names)}  The study has {', '.join(names)}; add the"
                " other one to its drugs."
            )
        doses.append(dose.replace(drug=drug.name))
    given = {dose.drug for dose in doses}
    missing = [name for name in names if name not in given]
    if missing:
        raise SpecError(
            f"KG-141: the regimen never gives {missing[0]!r}.  Add its dose"
            f" ('... + {missing[0]} 10 mg/kg'), or leave the drug out."
        )
    return Regimen(doses)
