"""Damage of DNA by drugs: uptake, adducts, crosslinks and their repair.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from krogh.model.components import Output, Rate, Rule, Species
from krogh.model.effect.signal import Signal, refuse, written
from krogh.model.network import Model
from krogh.model.systemic.block import Block, Value

__all__ = ["adducts"]


def adducts(
    driver: Signal = "Cp",
    *,
    driver_unit: str = "nM",
    unit: str = "nmol/g",
    crosslinks: bool = False,
    label: str = "",
    kin: Value = None,
    kout: Value = None,
    kinact: Value = None,
    kform: Value = None,
    krep: Value = None,
    kcross: Value = None,
    krep_cross: Value = None,
) -> Model:
    """Return drug taken up by cells, the adducts it forms with DNA, and their repair.

    ::

        d(C_cell)/dt     = kin*C - kout*C_cell - kinact*C_cell
        d(adducts)/dt    = kform*C_cell - krep*adducts            (- kcross*adducts)
        d(crosslinks)/dt = kcross*adducts - krep_cross*crosslinks    (with crosslinks=True)
        adducts_total    = adducts (+ crosslinks)

    All first-order; what binds to DNA is a negligible part of the drug in the cell.  Platinum
    measured in DNA is ``adducts_total``.  At a constant driver and without crosslinks the adducts
    tend to ``kform*kin*C/((kout + kinact)*krep)``.  Uptake, binding to DNA and repair of cisplatin:
    El-Kareh & Secomb 2003, Neoplasia 5:161-169.

    Parameters
    ----------
    driver, driver_unit
        Free drug around the cells, and its unit.
    unit
        Unit of adducts: amount per mass of DNA.
    crosslinks
        Whether adducts go on to crosslinks, which have their own repair.
    label
        Put behind every name.
    kin, kout
        Rate constants into and out of the cell, 1/time.
    kinact
        Loss of drug in the cell to other partners (thiols), 1/time.
    kform
        Formation of adducts, ``unit/(driver_unit*time)``.
    krep
        Repair of adducts, 1/time.
    kcross, krep_cross
        Formation and repair of crosslinks, 1/time.

    Raises
    ------
    SpecError
        KG-112 for parameters of crosslinks without crosslinks.
    UnitError
        KG-121 for a value of another dimension.
    """
    block = Block("DNA adducts", label, "DNA adducts with repair [elkareh_secomb_2003]")
    block.parameter("kin", kin, "1/h", "uptake into cells")
    block.parameter("kout", kout, "1/h", "efflux from cells")
    block.parameter("kinact", kinact, "1/h", "inactivation in cells")
    block.parameter("kform", kform, f"{unit}/({driver_unit})/h", "formation of adducts")
    block.parameter("krep", krep, "1/h", "repair of adducts")
    cell, adduct = block.name("C_cell"), block.name("adducts")
    total = block.name("adducts_total")
    uptake = block.text(f"{{kin}}*{written(driver)} - ({{kout}} + {{kinact}})*{cell}")
    block.add(
        Species(cell, driver_unit, initial="0", note=block.note),
        Rate(cell, uptake, name="uptake"),
        Species(adduct, unit, initial="0"),
        Rate(adduct, block.text(f"{{kform}}*{cell}"), name="formation"),
        Rate(adduct, block.text(f"-{{krep}}*{adduct}"), name="repair"),
    )
    counted = adduct
    if crosslinks:
        block.parameter("kcross", kcross, "1/h", "formation of crosslinks")
        block.parameter("krep_cross", krep_cross, "1/h", "repair of crosslinks")
        crossed = block.name("crosslinks")
        counted = f"{adduct} + {crossed}"
        block.add(
            Species(crossed, unit, initial="0"),
            Rate(adduct, block.text(f"-{{kcross}}*{adduct}"), name="crosslinking"),
            Rate(crossed, block.text(f"{{kcross}}*{adduct}"), name="crosslinking"),
            Rate(crossed, block.text(f"-{{krep_cross}}*{crossed}"), name="repair"),
        )
    else:
        refuse({"kcross": kcross, "krep_cross": krep_cross}, "the block without crosslinks")
    block.add(Rule(total, counted, unit=unit), Output(total, total, unit=unit))
    return block.model()
