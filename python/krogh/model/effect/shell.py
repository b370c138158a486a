"""Cells at a place in the tissue: dividing, resting, dying, necrotic, and the room they leave.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from krogh.errors import SpecError
from krogh.model.components import Output, Rate, Rule, Species, Transport
from krogh.model.effect.signal import Signal, chain, refuse, written
from krogh.model.network import Model
from krogh.model.systemic.block import Block, Value

__all__ = ["cell_shell"]


def cell_shell(
    *kills: Signal,
    number: int = 3,
    kclear: Value = None,
    grows: bool = False,
    kg: Value = None,
    factor: Signal | None = None,
    kill_outputs: tuple[str, ...] = (),
    label: str = "",
    quiescence: Signal | None = None,
    awakening: Signal | None = None,
    quiescent_sensitivity: Value = 1.0,
    necrosis: Signal | None = None,
    knecrotic: Value = None,
    motility: Value = None,
    least: Value = None,
    start: Value = 1.0,
) -> Model:
    r"""Return the cells of one shell of tissue or voxel, and the room that they leave.

    As fractions of the cells that fill the place (1: packed as a tumour is):

    .. math::
        \dot N &= f k_g N (1 - C) - \Big(\sum_i k_i + n + q\Big) N + w Q
            \;[+ \nabla\cdot D_N \nabla N], \\
        \dot Q &= q N - \Big(s_Q \sum_i k_i + n + w\Big) Q, \\
        \dot Y_1 &= \sum_i k_i (N + s_Q Q) - k_c Y_1, \qquad \dot Y_j = k_c (Y_{j-1} - Y_j), \\
        \dot X &= n (N + Q) - k_X X, \qquad C = N + Q + \textstyle\sum_j Y_j + X

    with dividing cells N, resting ones Q, dying ones Y and necrotic ones X; Q and X exist only
    where `quiescence` and `necrosis` are given.  For tissue models that live in every cell of a
    line or voxel: each is killed at its own payload, adducts or occupancy, its dead are cleared
    with the mean delay ``number/kclear``, and cleared room is grown over, limited by oxygen through
    `factor` (`oxygen_limits`).  At a point it is the same without gradients.

    Delayed clearance: Simeoni et al. 2004, doi 10.1158/0008-5472.CAN-03-2524.  Living and dead
    cells at a nutrient's concentration: Ward & King 1997, IMA J Math Appl Med Biol 14:39-69; the
    layers of dividing, resting and necrotic cells: Greenspan 1972, Stud Appl Math 51:317-340.  The
    limit of room is that of logistic growth, and with `motility` the law of Fisher 1937 (Ann
    Eugenics 7:355-369), whose front into empty tissue goes at nearly :math:`2\sqrt{D_N f k_g}`.
    So that not a millionth of a cell runs ahead of it and divides, growth is then multiplied by
    :math:`N^2/(\delta^2 + N^2)`: below the share :math:`\delta` of packed cells nothing divides.
    ``viable`` is N + Q, so blocks that scale with living cells take ``"viable"``: synthesis of a
    receptor (``surface_target(..., synthesis_factor="viable")``), consumption of oxygen.

    Parameters
    ----------
    *kills
        Rates of kill per living cell, 1/time: rules of `emax` with ``unit="1/d"``,
        ``hypoxic_death`` of `oxygen_limits`, expressions.  None: nothing kills.
    number
        Stages of dying; 0 clears at once.
    kclear
        Rate constant :math:`k_c` from stage to stage, 1/time.
    grows, kg
        Whether living cells grow into room; :math:`k_g`, 1/time.
    factor
        Dimensionless factor of growth.
    kill_outputs
        Names of rules among `kills` to report in 1/d (``"kill_TDM1"``).
    label
        Put behind every name.
    quiescence, awakening
        Rates at which dividing cells come to rest (q) and resting ones divide again (w), 1/time:
        the rules of `oxygen_limits` with ``quiescence=True``.  No resting cells if left out.
    quiescent_sensitivity
        :math:`s_Q`, the part of the kill that resting cells feel.
    necrosis
        Rate of death for lack of oxygen (n), 1/time: the dead are necrotic, not dying.
    knecrotic
        Rate constant :math:`k_X` at which necrotic matter is cleared, 1/time; 0: it stays.
    motility
        Diffusivity of dividing cells, length^2/time; they stay where they are if left out.  The
        species ``living`` then moves along lines and between voxels and cannot be used at a point.
    least
        :math:`\delta`, with `motility`; 1e-3 if left out, of eight cells in a voxel of 20 um less
        than a hundredth of one.
    start
        Dividing cells at the start, 0 to 1.

    Notes
    -----
    Outputs: ``viable`` (living cells), ``cells_present`` (living, dying and necrotic), and
    ``quiescent`` and ``necrotic`` where they exist.

    Raises
    ------
    SpecError
        KG-101 for a shell that neither is killed nor grows; KG-103 for a reported kill that is
        not among `kills`; KG-108 for a negative number of stages; KG-112 for values without use,
        or one of `quiescence` and `awakening` without the other.
    UnitError
        KG-121 for a value of another dimension.
    """
    block = Block("cells of a shell", label, "kill with delayed clearance [simeoni_2004]")
    if not kills and not grows and necrosis is None:
        raise SpecError("KG-101: cell_shell needs a rate of kill or grows=True.")
    for name in kill_outputs:
        if name not in kills:
            raise SpecError(
                f"KG-103: the kill {name!r} to report is not among those given,"
                f" {', '.join(map(repr, map(str, kills))) or 'none'}."
            )
    if not grows:
        refuse({"kg": kg, "factor": factor}, "cell_shell without growth")
    rests = quiescence is not None and awakening is not None
    if not rests:
        refuse({"quiescence": quiescence, "awakening": awakening}, "cell_shell with one of the two")
    if necrosis is None:
        refuse({"knecrotic": knecrotic}, "cell_shell without necrosis")
    if motility is None:
        refuse({"least": least}, "cell_shell without motility")
    stages = [block.name(s) for s in chain(number, "cell_shell", "dying", least=0)]
    stages = stages if kills else []
    living, resting, dead = (block.name(n) for n in ("living", "quiescent", "necrotic"))
    alive = [living, *([resting] if rests else [])]
    rest = [*stages, *([dead] if necrosis is not None else [])]
    present, viable = block.name("cells_present"), block.name("viable")
    initial = "1"
    if start != 1.0:
        initial = block.parameter("start", start, "", "dividing cells at the start")
    block.add(
        Species(living, "", initial=initial, note=block.note),
        Rule(present, " + ".join([*alive, *rest])),
        Rule(viable, " + ".join(alive)),
        Output(viable, unit=""),
        Output(present, unit=""),
    )
    if rests:
        _resting(block, quiescence, awakening)
    if kills:
        _killed(block, kills, stages, quiescent_sensitivity if rests else None, kclear)
    if not stages:
        refuse({"kclear": kclear}, "cell_shell without dying cells")
    if necrosis is not None:
        _necrotic(block, necrosis, alive, knecrotic)
    if grows:
        speed = block.parameter("kg", kg, "1/d", "growth into room")
        scale = "" if factor is None else f"{written(factor)}*"
        if motility is not None:
            few = block.parameter(
                "least", 1e-3 if least is None else least, "", "share below which none divides"
            )
            scale += f"{living}^2/({few}^2 + {living}^2)*"
        block.add(Rate(living, f"{scale}{speed}*{living}*(1 - {present})", name="growth"))
    if motility is not None:
        d = block.parameter("motility", motility, "um^2/min", "diffusivity of dividing cells")
        block.add(Transport(living, diffusivity=d, note="cells that move [fisher_1937]"))
    block.add(*(Output(name, unit="1/d") for name in kill_outputs))
    return block.model()


def _resting(block: Block, quiescence: Signal | None, awakening: Signal | None) -> None:
    """Add resting cells."""
    assert quiescence is not None
    assert awakening is not None
    living, resting = block.name("living"), block.name("quiescent")
    flux = f"{written(quiescence)}*{living} - {written(awakening)}*{resting}"
    block.add(
        Species(resting, "", initial="0", note="cells at rest [greenspan_1972]"),
        Rate(living, f"-({flux})", name="rest"),
        Rate(resting, flux, name="rest"),
        Output(resting, unit=""),
    )


def _killed(
    block: Block, kills: tuple[Signal, ...], stages: list[str], sensitivity: Value, kclear: Value
) -> None:
    """Add the kill of living cells, and the stages through which they are cleared."""
    living, resting, flux = (block.name(n) for n in ("living", "quiescent", "killed"))
    rate = " + ".join(map(written, kills))
    if sensitivity is None:
        block.add(
            Rule(flux, f"({rate})*{living}", unit="1/d"),
            Rate(living, f"-{flux}", name="kill"),
        )
    else:
        part = block.parameter(
            "quiescent_sensitivity", sensitivity, "", "part of the kill that resting cells feel"
        )
        block.add(
            Rule(flux, f"({rate})*({living} + {part}*{resting})", unit="1/d"),
            Rate(living, f"-({rate})*{living}", name="kill"),
            Rate(resting, f"-({rate})*{part}*{resting}", name="kill"),
        )
    if stages:
        k = block.parameter("kclear", kclear, "1/d", "passage through the stages of dying")
    entering = flux
    for stage in stages:
        leaving = f"{k}*{stage}"
        block.add(
            Species(stage, "", initial="0"),
            Rate(stage, f"{entering} - {leaving}", name="dying"),
        )
        entering = leaving


def _necrotic(block: Block, necrosis: Signal, alive: list[str], knecrotic: Value) -> None:
    """Add death into necrosis, and its clearance."""
    dead, rate = block.name("necrotic"), written(necrosis)
    k = block.parameter("knecrotic", knecrotic, "1/d", "clearance of necrotic matter")
    block.add(
        Species(dead, "", initial="0", note="necrotic cells [ward_king_1997]"),
        Rate(dead, f"{rate}*({' + '.join(alive)}) - {k}*{dead}", name="necrosis"),
        *(Rate(cells, f"-{rate}*{cells}", name="necrosis") for cells in alive),
        Output(dead, unit=""),
    )
