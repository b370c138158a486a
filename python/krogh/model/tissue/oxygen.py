"""Oxygen in the tissue, and drugs that are metabolized there, with or without it.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from typing import Literal

from krogh.errors import SpecError
from krogh.model.components import Output, Rate, Reaction, Rule
from krogh.model.effect.signal import Signal, refuse, written
from krogh.model.network import Model
from krogh.model.systemic.block import Block, Value
from krogh.model.tissue.extravasation import mobile
from krogh.model.tissue.naming import fraction

__all__ = ["metabolism", "oxygen"]


def oxygen(
    *,
    plasma: str | None = "pO2_blood",
    wall: Literal["membrane", "fixed", "closed"] = "fixed",
    diffusivity: Value = None,
    solubility: Value = None,
    consumption: Value = None,
    half_pressure: Value = None,
    permeability: Value = None,
    factor: Signal | None = None,
    initial: str = "0",
    vessel_factor: str | None = None,
) -> Model:
    r"""Return the partial pressure of oxygen in the tissue.

    .. math:: \partial_t P = D\nabla^2 P - \frac{M_0}{\alpha}\frac{P}{P + P_{cr}}

    State and output ``pO2``, which `krogh.model.effect.oxygen_limits` takes.  Secomb et al. 2004,
    doi 10.1114/B:ABME.0000049036.08817.44 (unverified).

    Parameters
    ----------
    plasma
        Oxygen pressure at the vessel: a species of the systemic model, or a given curve.
    wall
        ``"fixed"`` holds the pressure of the blood at the wall; ``"membrane"`` has a permeability.
    diffusivity, solubility
        D, and :math:`\alpha` (volume of gas per volume and pressure); ``oxygen_diffusivity``,
        ``oxygen_solubility``.
    consumption
        :math:`M_0`, volume of gas per volume and time; ``oxygen_consumption``.
    half_pressure
        :math:`P_{cr}`, the pressure at half the consumption.
    permeability
        Of a membrane, length/time.
    factor
        Dimensionless factor of consumption, for example ``"viable"``.
    initial
        Pressure at the start.
    vessel_factor
        As in `krogh.model.transport.Transport`: ``"vessels"`` of `krogh.model.effect.vessels`.

    Raises
    ------
    SpecError
        KG-112 for a permeability without a membrane.
    UnitError
        KG-121 for a value of another dimension.
    """
    block = Block("oxygen", "", "diffusion and consumption of oxygen [secomb_2004]")
    if wall != "membrane":
        refuse({"permeability": permeability}, f"oxygen with wall={wall!r}")
    mobile(
        block,
        "pO2",
        prefix="oxygen_",
        what="oxygen",
        unit="mmHg",
        initial=initial,
        plasma=plasma,
        wall=wall,
        diffusivity=diffusivity,
        permeability=permeability,
        names={"void_fraction": "1", "free_in_plasma": "1"} if plasma else {"void_fraction": "1"},
        vessel_factor=vessel_factor,
    )
    alpha = block.parameter("oxygen_solubility", solubility, "1/mmHg", "solubility of oxygen")
    m = block.parameter("oxygen_consumption", consumption, "1/s", "largest consumption")
    half = block.parameter("oxygen_half_pressure", half_pressure, "mmHg", "pressure at half of it")
    scale = "" if factor is None else f"{written(factor)}*"
    block.add(
        Rate("pO2", f"-{scale}{m}/{alpha}*pO2/(pO2 + {half})", name="consumption"),
        Output("pO2", unit="mmHg"),
    )
    return block.model()


def metabolism(
    drug: str,
    *,
    form: Literal["F", "C"] = "F",
    metabolic_rate: Value = None,
    capacity: Value = None,
    half_concentration: Value = None,
    oxygen: Signal | None = None,
    oxygen_constant: Value = None,
    oxic_fraction: Value = 0.0,
    metabolite: str | None = None,
    metabolite_form: Literal["F", "C"] | None = None,
    factor: Signal | None = None,
) -> Model:
    r"""Return the metabolism of a drug in the tissue, which lack of oxygen may release.

    .. math::
        v = k\,X \;\text{ or }\; \frac{V X}{K + X}, \qquad
        \text{times } f_0 + (1 - f_0)\frac{K_{O}}{K_{O} + P} \text{ for bioreductive drugs}

    X per total tissue volume; the factor of oxygen is competitive inhibition of the reductases by
    oxygen, the usual form for bioreductive prodrugs (Hicks et al. 2010, doi
    10.1158/1078-0432.CCR-10-1439, unverified).

    Parameters
    ----------
    drug
        Label of the drug.
    form
        F (interstitial) or C (in cells) is metabolized.
    metabolic_rate
        k, 1/time: first-order metabolism.
    capacity, half_concentration
        V (concentration/time, per total tissue volume) and K (of X): saturable metabolism.
    oxygen
        Oxygen pressure, name of a state or rule (``"pO2"``); no dependence if left out.
    oxygen_constant, oxic_fraction
        :math:`K_O` and the part :math:`f_0` that is left at high oxygen.
    metabolite, metabolite_form
        Label of the drug that results, and the form in which it appears (`form` if left out).
    factor
        Dimensionless factor, for example ``"viable"``.

    Raises
    ------
    SpecError
        KG-101 unless one of the two kinetics is given; KG-112 for values without use.
    UnitError
        KG-121 for a value of another dimension.
    """
    title = f"metabolism({drug!r})"
    block = Block("metabolism in tissue", drug, "metabolism in the tissue")
    block.choice(form, ("F", "C"), "the form")
    saturable = capacity is not None or half_concentration is not None
    if saturable:
        refuse({"metabolic_rate": metabolic_rate}, f"{title} with saturable kinetics")
    if metabolite is None:
        refuse({"metabolite_form": metabolite_form}, f"{title} without a metabolite")
    x = block.name(form)
    if saturable:
        v = block.parameter("metabolic_capacity", capacity, "nM/h", "capacity of metabolism")
        k = block.parameter("metabolic_constant", half_concentration, "nM", "half-saturation")
        law = f"michaelis_menten({x}, {v}, {k})"
    else:
        law = f"{block.parameter('metabolic_rate', metabolic_rate, '1/h', 'metabolism')}*{x}"
    if oxygen is None:
        refuse({"oxygen_constant": oxygen_constant}, f"{title} without oxygen")
    else:
        if oxygen_constant is None:
            raise SpecError(f"KG-101: {title} with oxygen needs 'oxygen_constant'.")
        k = block.parameter("oxygen_constant", oxygen_constant, "mmHg", "oxygen at half inhibition")
        f = fraction(block, "oxic_fraction", oxic_fraction, "part of metabolism with much oxygen")
        name = block.name("hypoxic_activation")
        block.add(Rule(name, f"{f} + (1 - {f})*{k}/({k} + {written(oxygen)})"))
        law = f"{name}*{law}"
    if factor is not None:
        law = f"{written(factor)}*{law}"
    product = "" if metabolite is None else f"{metabolite_form or form}_{metabolite}"
    block.add(Reaction(f"{x} -> {product}", law, name=f"metabolize_{x}"))
    return block.model()
