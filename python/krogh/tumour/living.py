"""Living tumours in 3-D: oxygen, cells that grow, rest and die, vessels and receptors that respond.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from krogh.errors import SpecError
from krogh.model import effect
from krogh.model import tissue as tissue_of
from krogh.model.components import Output, Parameter, Reaction, Transport
from krogh.model.expression import Symbol
from krogh.model.network import Model
from krogh.vessels.checks import length_um
from krogh.vessels.oxygen import intravascular_resistance

if TYPE_CHECKING:
    from krogh.tumour.volume import Tumour3D
    from krogh.volume import Radiation

__all__ = ["Living", "living_arguments", "living_tissue"]

_STEADY: Final = 0.5
"""Hours after which oxygen is steady: half a millimeter takes L^2/D = 3 min."""


@dataclass(frozen=True)
class Living:
    """How the tissue of a `Tumour3D` lives, for `Tumour3D.respond`.

    Every value is text with a unit and becomes the parameter of the block named; those that are
    chosen here have no published value behind them and should be varied.

    Attributes
    ----------
    blood_oxygen
        Pressure in all vessels of the box: 40 mmHg, chosen here (a mean between arterioles and
        venules); to be replaced by that of `krogh.vessels.steady_oxygen` where flow is known.
    diffusivity, solubility, consumption, half_pressure
        `krogh.model.tissue.oxygen`: diffusivity times solubility 4.2e-10 cm^3 O2/(cm s mmHg),
        solubility 3.1e-5/mmHg, consumption 5e-4/s at 1 mmHg for half of it: the files of Secomb's
        networks (secomb/GreensV4).
    wall
        Permeability of vessel walls for oxygen; left out it follows from the intravascular
        resistance K of the vessels' mean radius r, ``1/(2 pi r K solubility)``
        (`krogh.vessels.intravascular_resistance`).
    kernel
        Radius of the disc over which oxygen leaves vessels that are neither thin lines nor resolved
        on the grid; 25 um as in `krogh.vessels.oxygen_field`.
    kg, p_growth
        Growth into room of cells with plenty: log(2) over the shortest cycle, 1600 min, half of it
        at 1.4 mmHg; Owen et al. 2011, doi 10.1158/0008-5472.CAN-10-2834 (unverified).
    p_rest, n_rest, k_rest
        Cells come to rest below, and divide again above, 9.35 mmHg, between the 8.9 and 9.8 mmHg
        of Owen et al. 2011; steepness 8 and 0.9/d, one over the shortest cycle, chosen here.
    kd_hypoxic, p_death
        Death without oxygen, one over 4000 min (Owen et al. 2011); half of it at 1 mmHg, chosen
        here.
    knecrotic
        Clearance of necrotic matter, chosen here.
    kclear, stages
        Clearance of killed cells in three stages of 0.25 d: Scheuher et al. 2023, doi
        10.1007/s10928-023-09884-6 (NCI-N87).
    vessel_formation, vessel_regression
        `krogh.model.effect.vessels`, chosen here; None for both: vessels stay.
    receptors
        Whether dead cells make no receptors.
    """

    blood_oxygen: str = "40 mmHg"
    diffusivity: str = "1354.84 um^2/s"
    solubility: str = "3.1e-5 1/mmHg"
    consumption: str = "5e-4 1/s"
    half_pressure: str = "1 mmHg"
    wall: str | None = None
    kernel: str = "25 um"
    kg: str = "0.624 1/d"
    p_growth: str = "1.4 mmHg"
    p_rest: str = "9.35 mmHg"
    n_rest: float = 8.0
    k_rest: str = "0.9 1/d"
    kd_hypoxic: str = "0.36 1/d"
    p_death: str = "1 mmHg"
    knecrotic: str = "0.1 1/d"
    kclear: str = "4 1/d"
    stages: int = 3
    vessel_formation: str | None = "0.05 1/d"
    vessel_regression: str | None = "0.1 1/d"
    receptors: bool = True

    def __post_init__(self) -> None:
        if (self.vessel_formation is None) != (self.vessel_regression is None):
            raise SpecError(
                "KG-112: vessel_formation and vessel_regression belong together; give both, or None"
                " for both where vessels stay."
            )


def living_tissue(drugged: Model | None, living: Living, wall: str) -> Model:
    """Return a tissue that lives: that of drugs, or none, with oxygen, cells and vessels.

    Parameters
    ----------
    drugged
        Tissue model of drugs as of `krogh.library.assemble`; its rules ``kill_<drug>`` kill here,
        and what it has as ``viable`` is replaced.
    living
        Values.
    wall
        Permeability of vessel walls for oxygen.
    """
    responds = living.vessel_formation is not None
    factor = "vessels" if responds else None
    kills: list[str] = []
    parts: list[Any] = []
    title = "living tumour"
    if drugged is not None:
        title = f"{drugged.name}, living"
        kills = [name for name in drugged.rules if name.startswith("kill_")]
        if "viable" in drugged.species:
            drugged = drugged.without("viable")
        for c in drugged.components:
            if isinstance(c, Output) and c.name == "viable":
                continue
            if isinstance(c, Transport) and factor is not None and c.permeability is not None:
                parts.append(c.changed(vessel_factor=factor))
            elif living.receptors and isinstance(c, Reaction) and c.name.startswith("synthesis_"):
                parts.append(c.changed(forward=c.forward * Symbol("viable")))
            else:
                parts.append(c)
    parts.append(_oxygen(living, wall, factor="viable", vessel_factor=factor))
    parts.append(
        effect.oxygen_limits(
            p_growth=living.p_growth,
            kd_hypoxic=living.kd_hypoxic,
            p_death=living.p_death,
            n_death=2.0,
            quiescence=True,
            k_rest=living.k_rest,
            k_wake=living.k_rest,
            p_rest=living.p_rest,
            n_rest=living.n_rest,
        )
    )
    if responds:
        parts.append(
            effect.vessels(
                "viable", formation=living.vessel_formation, regression=living.vessel_regression
            )
        )
    parts.append(
        effect.cell_shell(
            *(kills or ["0[1/d]"]),  # radiation kills into the stages of dying too
            number=living.stages,
            kclear=living.kclear,
            grows=True,
            kg=living.kg,
            factor="oxygen_growth",
            quiescence="quiescence",
            awakening="awakening",
            necrosis="hypoxic_death",
            knecrotic=living.knecrotic,
        )
    )
    note = "" if drugged is None else drugged.note
    return Model(title, *parts, note=f"{note} [owen_2011] [scheuher_2023]".strip())


def _oxygen(living: Living, wall: str, **options: Any) -> Model:
    return Model(
        "oxygen",
        tissue_of.oxygen(
            wall="membrane",
            diffusivity=living.diffusivity,
            solubility=living.solubility,
            consumption=living.consumption,
            half_pressure=living.half_pressure,
            permeability=wall,
            initial="oxygen_start",
            **options,
        ),
        Parameter("oxygen_start", living.blood_oxygen, note="pressure at the start"),
        partial=True,
    )


def _amount(pressure: str) -> float:
    from krogh.units import parse_quantity

    return parse_quantity(pressure, "blood_oxygen").to("mmHg")


def oxygen_wall(tumour: Tumour3D, living: Living) -> str:
    """Return the permeability of vessel walls for oxygen, um/s with its unit."""
    if living.wall is not None:
        return living.wall
    from krogh.units import parse_quantity

    if tumour.network is not None:
        lengths = tumour.voxels.inside_length
        radius = float((tumour.network.radius * lengths).sum() / lengths.sum())
    else:
        radius = length_um(tumour.tumour.values["inner_radius"].value, "inner_radius")
    resistance = float(intravascular_resistance(np.array([2.0 * radius]))[0])
    alpha = parse_quantity(living.solubility, "solubility").to("1/mmHg")
    return f"{1.0 / (2.0 * np.pi * radius * resistance * alpha)!r} um/s"


def living_arguments(
    tumour: Tumour3D,
    arguments: Mapping[str, Any],
    living: Living,
    radiation: Radiation | None,
) -> dict[str, Any]:
    """Return the arguments of `krogh.simulate_volume` for a living tumour.

    Oxygen starts at the steady field of living cells, which a run of oxygen alone finds.

    Parameters
    ----------
    arguments
        Those of its drugs, with the model of the tissue and ``times``; no model for no drug.
    """
    from krogh.line.times import record_times
    from krogh.volume import simulate_volume
    from krogh.volume.exchange import Exchange

    end = float(record_times(arguments["times"])[0][-1])
    found = dict(arguments)
    wall = oxygen_wall(tumour, living)
    found["tissue"] = living_tissue(found.get("tissue"), living, wall)
    pressure = _amount(living.blood_oxygen)
    curve = (([0.0, max(end, 1.0) / 3600.0], "h"), [pressure, pressure], "mmHg")
    if tumour.network is not None:
        spread = tumour.network.voxelize(tumour.grid, kernel_radius=living.kernel)
        found["exchange"] = Exchange(tumour.voxels.surface_density, tumour.voxels, spread)
    found["plasma"] = {**(found.get("plasma") or {}), "pO2_blood": curve}
    start = simulate_volume(
        Model("oxygen before", _oxygen(living, wall)),
        tumour.grid,
        exchange=found["exchange"],
        regions=found.get("regions"),
        plasma={"pO2_blood": (([0.0, _STEADY], "h"), [pressure, pressure], "mmHg")},
        times=([_STEADY], "h"),
        num_threads=found.get("num_threads", 0),
        progress=False,
    )
    field = np.asarray(start["pO2"].values)[-1]
    found["fields"] = {
        **found.get("fields", {}),
        "oxygen_start": (np.where(np.isfinite(field), field, 0.0), "mmHg"),
    }
    if radiation is not None:
        found["radiation"] = radiation
    return found
