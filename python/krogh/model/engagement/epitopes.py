"""Two drugs on two epitopes of one target.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from krogh.errors import SpecError
from krogh.model.components import Output, Reaction, Rule, Species
from krogh.model.network import Model
from krogh.model.systemic.block import Block, Value
from krogh.model.tissue.naming import ratio

__all__ = ["two_epitopes"]


def two_epitopes(
    target: str,
    first: str,
    second: str,
    *,
    cooperativity: Value = 1.0,
    internalization_rate: Value = None,
) -> Model:
    r"""Return the target that holds two drugs at once, each on its own epitope.

    Beside the two `binding` blocks of the drugs, which fill S to :math:`B_1` and :math:`B_2`, the
    target with both, D, forms from either (C free interstitial, a the cooperativity):

    .. math::
        \dot D &= a k_{on,2} C_2 B_1 + a k_{on,1} C_1 B_2 - (k_{off,1} + k_{off,2} + k_e) D \\
        \dot B_1 &= \dots - a k_{on,2} C_2 B_1 + k_{off,2} D, \qquad
        \dot B_2 = \dots - a k_{on,1} C_1 B_2 + k_{off,1} D

    Internalized D carries both drugs inside.  With a = 1 the epitopes are independent and the
    equilibrium is :math:`D = S_{tot} \theta_1 \theta_2`.  Outputs ``on_first_<target>`` and
    ``on_second_<target>``: the parts of the surface target with the first and with the second.

    Truncated target without the first epitope (p95-HER2) is a second `surface_target` to which the
    second drug binds at another ``site``.

    Parameters
    ----------
    target
        Label of the target; the state is ``D_<target>``.
    first, second
        Labels of the drugs.
    cooperativity
        Factor a of association to the target that holds the other drug; 0 excludes it, which is
        competition.
    internalization_rate
        :math:`k_e` of the target with both, 1/time; ``internalization_rate_both_<target>``.

    Raises
    ------
    SpecError
        KG-101 for equal labels; KG-108 for a negative cooperativity.
    UnitError
        KG-121 for a value of another dimension.
    """
    if first == second:
        raise SpecError(f"KG-101: two_epitopes({target!r}) needs two different drugs.")
    block = Block("two epitopes", target, "two drugs on two epitopes")
    a = ratio(block, "cooperativity", cooperativity, "of association to occupied target")
    k_e = block.parameter(
        "internalization_rate_both", internalization_rate, "1/h", "internalization with both"
    )
    both, empty = block.name("D"), block.name("S")
    block.add(Species(both, "nM", note=block.note))
    for new, held in ((first, second), (second, first)):
        block.add(
            Reaction(
                f"F_{new} + B_{held} <-> {both}",
                f"{a}*association_rate_{new}*free_{new}*B_{held}",
                f"dissociation_rate_{new}*{both}",
                name=f"bind_{new}_beside_{held}",
            )
        )
    block.add(
        Reaction(f"{both} -> I_{first} + I_{second}", f"{k_e}*{both}", name=f"internalize_{both}")
    )
    whole = f"{empty} + B_{first} + B_{second} + {both}"
    for which, drug in (("first", first), ("second", second)):
        name = block.name(f"on_{which}")
        block.add(Rule(name, f"(B_{drug} + {both})/({whole})"), Output(name, unit=""))
    return block.model()
