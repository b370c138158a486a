"""What an imaging label shows: residualizing or not, with its radioactive decay.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from krogh.model.components import Output, Reaction, Rule, Species
from krogh.model.effect.signal import refuse
from krogh.model.network import Model
from krogh.model.systemic.block import Block, Value
from krogh.model.tissue.naming import forms_of

__all__ = ["label"]


def label(
    drug: str,
    kind: Literal["residualizing", "non_residualizing"] = "residualizing",
    *,
    forms: Sequence[str] | Model = ("F", "B", "I", "L"),
    leaving_rate: Value = None,
    half_life: Value = None,
) -> Model:
    r"""Return the label that a scan of the tissue sees: drug in all its forms, and what is left.

    .. math:: \mathrm{label} = \sum_{forms} + X, \qquad
              \dot X = k_{deg} L - k_x X, \qquad
              \mathrm{activity} = \mathrm{label}\cdot 2^{-t/t_{1/2}}

    A residualizing label (89Zr, 111In, 177Lu) stays in the cell when the drug is degraded
    (:math:`k_x = 0`); a non-residualizing one (124I, 131I) leaves at :math:`k_x`.  Needs the drug's
    `krogh.model.engagement.binding` with ``fate="lysosome"``.

    Parameters
    ----------
    drug
        Label of the drug.
    kind
        See above.
    forms
        First letters of the species of intact drug, or the model whose species count.
    leaving_rate
        :math:`k_x` of a non-residualizing label, 1/time; ``label_leaving_rate_<drug>``.
    half_life
        Half-life of the radionuclide; with it the output ``activity_<drug>`` decays from time 0.

    Notes
    -----
    Outputs: ``label_<drug>`` (nM per total tissue volume, corrected for decay),
    ``activity_<drug>`` (nM of label not yet decayed) with `half_life`.

    Raises
    ------
    SpecError
        KG-108 for another kind; KG-112 for a leaving rate of a residualizing label.
    UnitError
        KG-121 for a value of another dimension.
    """
    block = Block("label", drug, "label of degraded drug")
    block.choice(kind, ("residualizing", "non_residualizing"), "the kind")
    left = block.name("X")
    names = [*forms_of(drug, forms, ("G",)), left]
    flux = f"{block.name('degradation_rate')}*{block.name('L')}"
    block.add(
        Species(left, "nM", note=f"{kind.replace('_', '-')} label of degraded drug"),
        Reaction(f"-> {left}", flux, name=f"label_{left}"),
    )
    if kind == "residualizing":
        refuse({"leaving_rate": leaving_rate}, f"label({drug!r}) that is residualizing")
    else:
        k = block.parameter("label_leaving_rate", leaving_rate, "1/h", "label leaving the cells")
        block.add(Reaction(f"{left} ->", f"{k}*{left}", name=f"leave_{left}"))
    seen = block.name("label")
    block.add(Rule(seen, " + ".join(names), unit="nM"), Output(seen, unit="nM"))
    if half_life is not None:
        half = block.parameter("label_half_life", half_life, "h", "half-life of the radionuclide")
        name = block.name("activity")
        block.add(Rule(name, f"{seen}*exp(-log(2)*t/{half})", unit="nM"), Output(name, unit="nM"))
    return block.model()
