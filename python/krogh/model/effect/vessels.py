"""Vessels at a place in the tissue that regress with its cells and return with them.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from krogh.model.components import Output, Rate, Species
from krogh.model.effect.signal import Signal, written
from krogh.model.network import Model
from krogh.model.systemic.block import Block, Value

__all__ = ["vessels"]


def vessels(
    support: Signal = "viable",
    *,
    formation: Value = None,
    regression: Value = None,
    pruning: Signal | None = None,
    label: str = "",
) -> Model:
    r"""Return the part of the vessels at a place that works, 1 at the start.

    .. math:: \dot v = k_f s (1 - v) - k_r (1 - s) v - p v, \qquad v(0) = 1

    Where all cells that support the vessels live (s = 1) they are kept, where none is left they are
    lost with the rate constant :math:`k_r`, and v stays between 0 and 1.  The law is the simplest
    with these properties and has no published source; both rate constants have to be stated.

    ``vessels`` is what ``Transport(..., vessel_factor="vessels")`` takes (`krogh.model.tissue`
    blocks pass it on): in `krogh.simulate_volume` it multiplies the exchange of each voxel.

    Parameters
    ----------
    support
        s, dimensionless, 0 to 1: living cells (``"viable"``), or all that are there
        (``"cells_present"``).
    formation, regression
        :math:`k_f, k_r`, 1/time; names ``vessel_formation`` and ``vessel_regression``.
    pruning
        p, 1/time: further loss, for example by an antiangiogenic drug.
    label
        Put behind every name.

    Raises
    ------
    UnitError
        KG-121 for a value of another dimension.
    """
    block = Block("vessels of a place", label, "vessels that follow the cells around them")
    k_f = block.parameter("vessel_formation", formation, "1/d", "formation of vessels")
    k_r = block.parameter("vessel_regression", regression, "1/d", "loss without cells")
    v, s = block.name("vessels"), written(support)
    law = f"{k_f}*{s}*(1 - {v}) - {k_r}*(1 - {s})*{v}"
    if pruning is not None:
        law += f" - {written(pruning)}*{v}"
    block.add(
        Species(v, "", initial="1", note=block.note),
        Rate(v, law, name="vessels"),
        Output(v, unit=""),
    )
    return block.model()
