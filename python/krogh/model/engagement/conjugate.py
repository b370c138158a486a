"""Conjugates that lose their payload: one step to naked antibody, or a chain of ratios.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from krogh.errors import SpecError
from krogh.model.components import Output, Rate, Reaction, Rule, Species
from krogh.model.engagement.binding import Fate, internalization
from krogh.model.network import Model
from krogh.model.systemic.block import Block, Value
from krogh.model.tissue.extravasation import mobile
from krogh.model.tissue.naming import fraction

__all__ = ["conjugate_chain", "deconjugation", "ratio_labels"]

_HIGHEST: Final = 20


def deconjugation(
    conjugate: str,
    naked: str,
    *,
    deconjugation_rate: Value = None,
    forms: Sequence[Literal["F", "B", "I"]] = ("F", "B"),
    payload: bool = False,
) -> Model:
    r"""Return the loss of payload outside cells: intact conjugate becomes naked antibody.

    .. math:: \dot F_{adc} = \dots - k_{dec} F_{adc}, \quad \dot F_{mab} = \dots + k_{dec} F_{adc}

    and alike for bound drug.  The antibody stays where it is; with `payload` what it carried
    appears outside the cells: :math:`+\mathrm{DAR}\,k_{dec}(F + B)` of ``payload_out``.  Burton,
    Bottino & Secomb 2020, doi 10.1208/s12248-019-0390-2.

    Parameters
    ----------
    conjugate, naked
        Labels of two drugs with their own blocks `free_drug` and `binding`.
    deconjugation_rate
        :math:`k_{dec}`, 1/time; the name ``deconjugation_rate_<conjugate>``.
    forms
        First letters of the species that lose payload.
    payload
        Whether the block `payload` of the conjugate receives it.

    Raises
    ------
    SpecError
        KG-101 for no form or equal labels.
    UnitError
        KG-121 for a value of another dimension.
    """
    if not forms or conjugate == naked:
        raise SpecError(
            f"KG-101: deconjugation({conjugate!r}, {naked!r}) needs two different drugs and at"
            " least one form."
        )
    block = Block("deconjugation", conjugate, "loss of payload outside cells [burton_2020]")
    k = block.parameter("deconjugation_rate", deconjugation_rate, "1/d", f"loss of {conjugate}")
    other = Block("naked", naked)
    for form in forms:
        source = block.name(form)
        block.add(
            Reaction(f"{source} -> {other.name(form)}", f"{k}*{source}", name=f"lose_{source}")
        )
    if payload:
        freed = " + ".join(block.name(f) for f in forms)
        law = f"{block.name('drug_antibody_ratio')}*{k}*({freed})"
        block.add(Rate(block.name("payload_out"), law, name="deconjugation"))
    return block.model()


def ratio_labels(drug: str, highest: int = 8) -> tuple[str, ...]:
    """Return the labels of a conjugate's species in `conjugate_chain`, from 0 to `highest`.

    Parameters
    ----------
    drug
        Label of the conjugate.
    highest
        Largest drug-to-antibody ratio.

    Raises
    ------
    SpecError
        KG-108 for a ratio that is not a whole number from 1 to 20.
    """
    if isinstance(highest, bool) or not isinstance(highest, int) or not 1 <= highest <= _HIGHEST:
        raise SpecError(
            f"KG-108: the highest drug-to-antibody ratio is a whole number from 1 to {_HIGHEST},"
            f" not {highest!r}."
        )
    return tuple(f"{drug}_{n}" for n in range(highest + 1))


def conjugate_chain(
    drug: str,
    target: str,
    highest: int = 8,
    *,
    plasma: Sequence[str] | None = None,
    deconjugation: Literal["per_payload", "per_step"] = "per_payload",
    deconjugation_rate: Value | Sequence[Value] = None,
    diffusivity: Value = None,
    void_fraction: Value = None,
    permeability: Value = None,
    free_in_plasma: Value = 1.0,
    association_rate: Value = None,
    dissociation_rate: Value = None,
    internalization_rate: Value = None,
    fate: Fate = "lysosome",
    lysosomal_rate: Value = None,
    degradation_rate: Value = None,
    payload: bool = False,
) -> Model:
    r"""Return a conjugate as one free and one bound species per drug-to-antibody ratio (DAR) n.

    .. math::
        \dot F_n &= \text{transport} - k_{on} C_n S + k_{off} B_n - k_n F_n + k_{n+1} F_{n+1} \\
        \dot B_n &= k_{on} C_n S - (k_{off} + k_e) B_n - k_n B_n + k_{n+1} B_{n+1}

    with :math:`k_n = n k_{dec}` (``per_payload``) or a constant for each step.  All share transport
    and binding.  Internalized drug is pooled, antibody (I, L, G) and the payload on it apart
    (``carried_I``, ``carried_L``), which is exact as their steps are linear.  Ratios and their
    loss: Bender et al. 2014, doi 10.1208/s12248-014-9618-3.

    Give `krogh.model.engagement.payload` the release with
    ``source="degradation_rate_<drug>*carried_L_<drug>"``, and `occupancy` the labels
    `ratio_labels(drug, highest)`.

    Parameters
    ----------
    drug, target
        Labels.
    highest
        Largest ratio, 1 to 20.
    plasma
        Names of the plasma concentrations for n = 0 .. highest; None: nothing outside.
    deconjugation, deconjugation_rate
        The form, and :math:`k_{dec}` or the constants of the steps 1 .. highest, 1/time.
    diffusivity, void_fraction, permeability, free_in_plasma
        As in `krogh.model.tissue.free_drug`, for all ratios.
    association_rate, dissociation_rate, internalization_rate, fate, lysosomal_rate
        As in `binding`, for all ratios.
    degradation_rate
        As in `binding`.
    payload
        Whether the block `payload` receives what is lost outside cells.

    Notes
    -----
    Outputs: ``free_<drug>``, ``bound_<drug>``, ``internalized_<drug>`` (antibody), and
    ``conjugated_<drug>``, the payload on antibody outside cells (nM).

    Raises
    ------
    SpecError
        KG-101 for a wrong number of names or constants; KG-108 for a wrong ratio or form.
    UnitError
        KG-121 for a value of another dimension.
    """
    labels = ratio_labels(drug, highest)
    block = Block("conjugate chain", drug, "drug-to-antibody ratios in tissue [bender_2014]")
    block.choice(deconjugation, ("per_payload", "per_step"), "the deconjugation")
    if plasma is not None and len(plasma) != len(labels):
        raise SpecError(
            f"KG-101: conjugate_chain({drug!r}) has {len(labels)} ratios from 0 to {highest}, but"
            f" {len(plasma)} plasma concentrations are named."
        )
    losses = _losses(block, highest, deconjugation, deconjugation_rate)
    names = {
        "diffusivity": block.parameter("diffusivity", diffusivity, "um^2/s", "diffusivity"),
        "void_fraction": fraction(block, "void_fraction", void_fraction, "part open to the drug"),
        "permeability": block.parameter("permeability", permeability, "um/s", "wall permeability"),
    }
    if plasma is not None:
        names["free_in_plasma"] = fraction(block, "free_in_plasma", free_in_plasma, "free part")
    on = block.parameter("association_rate", association_rate, "1/nM/h", f"{drug} to {target}")
    off = block.parameter("dissociation_rate", dissociation_rate, "1/h", f"{drug} from {target}")
    k_e = block.parameter(
        "internalization_rate", internalization_rate, "1/h", f"internalization of bound {drug}"
    )
    surface, inside, carried = f"S_{target}", block.name("I"), block.name("carried_I")
    for n, label in enumerate(labels):
        free, bound = f"F_{label}", f"B_{label}"
        mobile(block, free, plasma=plasma[n] if plasma else None, names=names)
        block.add(
            Species(bound, "nM", note=block.note),
            Reaction(
                f"{free} + {surface} <-> {bound}",
                f"{on}*{free}/{names['void_fraction']}*{surface}",
                f"{off}*{bound}",
                name=f"bind_{label}",
            ),
            Reaction(f"{bound} -> {inside}", f"{k_e}*{bound}", name=f"internalize_{bound}"),
        )
        if n:
            block.add(Rate(carried, f"{n}*{k_e}*{bound}", name=f"internalize_{label}"))
            below = labels[n - 1]
            for form in ("F", "B"):
                source = f"{form}_{label}"
                block.add(
                    Reaction(
                        f"{source} -> {form}_{below}",
                        f"{losses[n]}*{source}",
                        name=f"lose_{source}",
                    )
                )
    block.add(Species(carried, "nM", note="payload on internalized antibody"))
    freed = " + ".join(f"{losses[n]}*(F_{x} + B_{x})" for n, x in enumerate(labels) if n)
    if payload:
        block.add(Rate(block.name("payload_out"), freed, name="deconjugation"))
    internalization(
        block,
        drug=drug,
        fate=fate,
        recycling=False,
        recycling_rate=None,
        lysosomal_rate=lysosomal_rate,
        degradation_rate=degradation_rate,
        bound=[f"B_{x}" for x in labels],
    )
    lysosome, payload_there = block.name("L"), block.name("carried_L")
    if fate == "lysosome":
        k_lys, k_deg = block.name("lysosomal_rate"), block.name("degradation_rate")
        block.add(
            Species(payload_there, "nM", note=f"payload on antibody in {lysosome}"),
            Reaction(
                f"{carried} -> {payload_there}", f"{k_lys}*{carried}", name=f"to_{payload_there}"
            ),
            Reaction(
                f"{payload_there} ->", f"{k_deg}*{payload_there}", name=f"free_{payload_there}"
            ),
        )
    free = " + ".join(f"F_{x}" for x in labels)
    held = " + ".join(f"{n}*(F_{x} + B_{x})" for n, x in enumerate(labels) if n)
    rules = {"free": f"({free})/{names['void_fraction']}", "conjugated": held}
    for base, law in rules.items():
        block.add(Rule(block.name(base), law, unit="nM"), Output(block.name(base), unit="nM"))
    return block.model()


def _losses(
    block: Block, highest: int, form: str, value: Value | Sequence[Value]
) -> tuple[str, ...]:
    """Return the rate constant of the loss of one payload from each ratio, from 0."""
    if form == "per_payload":
        if isinstance(value, Sequence) and not isinstance(value, str):
            raise SpecError(
                f"KG-101: {block.title} loses per payload and takes one rate constant, not a list."
            )
        k = block.parameter("deconjugation_rate", value, "1/d", "loss of one payload")
        return ("0", *(f"{n}*{k}" if n > 1 else k for n in range(1, highest + 1)))
    values: Sequence[Value]
    if isinstance(value, Sequence) and not isinstance(value, str):
        values = list(value)
    else:
        values = [value] * highest if value is None else []
    if len(values) != highest:
        raise SpecError(
            f"KG-101: {block.title} needs {highest} rate constants, of the steps from 1 to"
            f" {highest}."
        )
    names = [
        block.parameter(f"deconjugation_rate{n}", v, "1/d", f"loss from ratio {n}")
        for n, v in enumerate(values, 1)
    ]
    return ("0", *names)
