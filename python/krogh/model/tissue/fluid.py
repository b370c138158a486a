"""Interstitial fluid: its pressure, and the channel and matrix of a chip.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from typing import Any, Literal

from krogh.model.components import Output, Rate, Rule, Species
from krogh.model.effect.signal import refuse, unbounded
from krogh.model.network import Model
from krogh.model.systemic.block import Block, Value
from krogh.model.tissue.measures import measured
from krogh.model.transport import Transport
from krogh.units import Quantity

__all__ = ["channel", "darcy_velocity", "interstitial_pressure", "residence_time"]


def interstitial_pressure(
    *,
    tissue_conductivity: Value = None,
    hydraulic_conductivity: Value = None,
    surface_per_volume: Value = None,
    vascular_pressure: Value = None,
    reflection: Value = None,
    oncotic_plasma: Value = None,
    oncotic_tissue: Value = None,
    compliance: Value = "0.01 1/mmHg",
    lymph: bool = False,
    lymph_conductivity: Value = None,
    lymph_pressure: Value = None,
    wall: Literal["fixed", "closed"] = "fixed",
    plasma: str | None = None,
    initial: str = "0",
) -> Model:
    r"""Return the pressure of the interstitial fluid, which vessels spread through the tissue feed.

    .. math::
        c\,\partial_t p = \nabla\cdot(K \nabla p)
            + L_p \frac{S}{V}\left[p_v - \sigma(\pi_v - \pi_i) - p\right]
            - \left(L_p \frac{S}{V}\right)_{\!L} (p - p_L)

    State and output ``interstitial_pressure``; the flow is :math:`u = -K\nabla p` (Darcy) and the
    net source per volume the output ``filtration``.  Steady state: Baxter & Jain 1989, doi
    10.1016/0026-2862(89)90074-5.  The compliance c only sets how fast it is reached (seconds to
    minutes); its default is a value for convenience, without influence on the steady state.

    Parameters
    ----------
    tissue_conductivity
        K, ``"4.13e-8 cm^2/mmHg/s"``; it may vary over the cells.
    hydraulic_conductivity, surface_per_volume
        :math:`L_p` of the vessels and their S/V.
    vascular_pressure, oncotic_plasma, oncotic_tissue, reflection
        :math:`p_v, \pi_v, \pi_i` and :math:`\sigma`.
    compliance
        c, volume per volume and pressure.
    lymph, lymph_conductivity, lymph_pressure
        Whether lymphatics drain; :math:`(L_p S/V)_L` and :math:`p_L`.
    wall
        ``"fixed"``: the pressure outside the supplying wall (0, or that of `plasma`) holds there;
        ``"closed"``: no flow.
    plasma
        Name of a given curve of the pressure outside.
    initial
        Pressure at the start.

    Raises
    ------
    SpecError
        KG-112 for values of lymphatics without lymph.
    UnitError
        KG-121 for a value of another dimension.
    """
    block = Block("interstitial pressure", "", "interstitial fluid [baxter_jain_1989]")
    p = "interstitial_pressure"
    k = block.parameter("tissue_conductivity", tissue_conductivity, "um^2/mmHg/s", "of the tissue")
    lp = block.parameter(
        "hydraulic_conductivity", hydraulic_conductivity, "um/mmHg/s", "of the vessel wall"
    )
    s = block.parameter("vessel_surface_per_volume", surface_per_volume, "1/um", "of the vessels")
    pv = block.parameter("vascular_pressure", vascular_pressure, "mmHg", "in the vessels")
    sigma = block.parameter("oncotic_reflection", reflection, "", "reflection of plasma protein")
    pi_v = block.parameter("oncotic_plasma", oncotic_plasma, "mmHg", "oncotic pressure of plasma")
    pi_i = block.parameter("oncotic_tissue", oncotic_tissue, "mmHg", "oncotic pressure in tissue")
    c = block.parameter("tissue_compliance", compliance, "1/mmHg", "compliance of the tissue")
    source = f"{lp}*{s}*(effective_pressure - {p})"
    if lymph:
        kl = block.parameter("lymph_conductivity", lymph_conductivity, "1/mmHg/s", "of lymphatics")
        pl = block.parameter(
            "lymph_pressure", unbounded(lymph_pressure), "mmHg", "in the lymphatics"
        )
        source += f" - {kl}*({p} - {pl})"
    else:
        refuse(
            {"lymph_conductivity": lymph_conductivity, "lymph_pressure": lymph_pressure},
            "interstitial_pressure without lymph",
        )
    block.add(
        Species(p, "mmHg", initial=initial, note=block.note),
        Transport(p, diffusivity=f"{k}/{c}", wall=wall, plasma=plasma),
        Rule("effective_pressure", f"{pv} - {sigma}*({pi_v} - {pi_i})", unit="mmHg"),
        Rule("filtration", source, unit="1/s", note="net fluid from vessels per volume"),
        Rate(p, f"filtration/{c}", name="filtration"),
        Output(p, unit="mmHg"),
        Output("filtration", unit="1/s"),
    )
    return block.model()


def channel(
    drug: str,
    *,
    volume: Value = None,
    flow: Value = None,
    inlet: Value = None,
    initial: str = "0",
) -> Model:
    r"""Return the perfused channel of a chip, in the place of the plasma.

    .. math:: \dot C_p = \frac{Q}{V}(C_{in} - C_p)

    A well-mixed channel, which takes the place of the systemic model; the matrix beside it is a
    `krogh.space.Slab` whose tissue model is `free_drug` (the leaky endothelium is its permeability;
    ``wall="fixed"`` without cells).

    Parameters
    ----------
    drug
        Label; the state is ``Cp_<drug>``.
    volume, flow
        V and Q; ``channel_volume``, ``channel_flow`` (shared by several drugs).
    inlet
        Concentration at the inlet; ``inlet_<drug>``.
    initial
        Concentration in the channel at the start.

    Raises
    ------
    UnitError
        KG-121 for a value of another dimension.
    """
    shared = Block("channel")
    v = shared.parameter("channel_volume", volume, "uL", "volume of the channel")
    q = shared.parameter("channel_flow", flow, "uL/min", "flow through the channel")
    block = Block("channel of a chip", drug, "perfused channel")
    c_in = block.parameter("inlet", inlet, "nM", "concentration at the inlet")
    c = block.name("Cp")
    block.add(
        *shared.components,
        Species(c, "nM", initial=initial, note=block.note),
        Rate(c, f"{q}/{v}*({c_in} - {c})", name="perfusion"),
        Output(c, unit="nM"),
    )
    return block.model()


def darcy_velocity(conductivity: Any, pressure_drop: Any, length: Any) -> Quantity:
    r"""Return the flow per area through a matrix: :math:`u = K \Delta p/L` (Darcy).

    Parameters
    ----------
    conductivity
        K of the matrix, ``"1e-7 cm^2/mmHg/s"``.
    pressure_drop
        :math:`\Delta p`, of either sign.
    length
        L, thickness of the matrix.

    Raises
    ------
    SpecError
        KG-108 for values without meaning.
    UnitError
        KG-121 for another dimension.
    """
    k = measured(conductivity, "um^2/mmHg/s", "conductivity of the matrix", zero=True)
    drop = measured(pressure_drop, "mmHg", "pressure drop", negative=True)
    return Quantity(k * drop / measured(length, "um", "length"), "um/s")


def residence_time(volume: Any, flow: Any) -> Quantity:
    r"""Return the mean time in a channel: :math:`V/Q`.

    Parameters
    ----------
    volume, flow
        Volume of the channel and flow through it.

    Raises
    ------
    SpecError
        KG-108 for values that are not positive.
    UnitError
        KG-121 for another dimension.
    """
    v = measured(volume, "uL", "volume of the channel")
    return Quantity(v / measured(flow, "uL/s", "flow"), "s")
