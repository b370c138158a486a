"""Payload, deconjugation and chains of drug-to-antibody ratios.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import numpy as np
import pytest
from closed_cell import course, evaluator, right_hand_side, rule_value
from krogh.errors import SpecError, UnitError
from krogh.model import Model, Species, engagement, parse, tissue

KDEG, DAR, EPS, CELLS = 2.4 / 3600.0, 3.5, 0.44, 0.56
LYSOSOME = Model("lysosome", Species("L_ADC", "nM"), partial=True)


def payload(**options):
    values = {
        "drug_antibody_ratio": DAR,
        "source": "3.5*2.4[1/h]*L_ADC",
        "diffusivity": "127 um^2/s",
        "void_fraction": EPS,
        "permeability": "924 um/d",
        "uptake_rate": "5.95e-5 1/s",
        "efflux_rate": "3.95e-5 1/s",
        "target_density": "65 nM",
        "association_rate": "1e-3 1/nM/s",
        "dissociation_rate": "0.93 1/s",
        "cell_density": "5e8 cells/mL",
    }
    return engagement.payload("ADC", **(values | options))


FULL = Model(
    "payload",
    LYSOSOME,
    payload(
        saturable_efflux=True,
        efflux_capacity="400 nM/h",
        efflux_constant="80 nM",
        saturable_uptake=True,
        uptake_capacity="30 nM/h",
        uptake_constant="15 nM",
        clearance_rate="1e-5 1/s",
    ),
)


def test_payload_by_hand():
    y = {"L_ADC": 9.0, "payload_out_ADC": 22.0, "payload_in_ADC": 28.0, "payload_bound_ADC": 6.0}
    outside, inside = 22.0 / EPS, 28.0 / CELLS
    passage = CELLS * 5.95e-5 * outside - 3.95e-5 * 28.0
    pump = CELLS * (400 / 3600) * inside / (80 + inside)
    carrier = CELLS * (30 / 3600) * outside / (15 + outside)
    to_target = 1e-3 * inside * (CELLS * 65.0 - 6.0) - 0.93 * 6.0
    found = right_hand_side(FULL, y)
    assert found["payload_out_ADC"] == pytest.approx(-passage + pump - carrier - 1e-5 * 22.0)
    assert found["payload_in_ADC"] == pytest.approx(
        DAR * KDEG * 9.0 + passage - pump + carrier - to_target
    )
    assert found["payload_bound_ADC"] == pytest.approx(to_target)
    per_cell = (28.0 + 6.0) * 602.214076 / 0.5
    value = evaluator(FULL)
    internal = value(parse("payload_ADC"), y)  # amount per cell, 1e-24 mol
    assert internal * 1e-24 * 6.02214076e23 == pytest.approx(per_cell)
    assert rule_value(FULL, "payload_free_ADC", y) == pytest.approx(50.0)
    assert rule_value(FULL, "payload_occupancy_ADC", y) == pytest.approx(6.0 / (CELLS * 65.0))


@pytest.mark.parametrize("void", [0.2, 0.44, 0.7])
def test_volume_factors_of_the_equilibrium(void):
    """Passive passage alone: C_in/C_out = kin/kout whatever the volumes."""
    model = Model(
        "passage",
        engagement.payload(
            "ADC",
            source="0[nM/h]",
            binding=False,
            diffusivity="127 um^2/s",
            void_fraction=void,
            permeability="924 um/d",
            uptake_rate="4 1/h",
            efflux_rate="1 1/h",
            cell_density="5e8 cells/mL",
        ),
    )
    end = course(model, [0.0, 100.0], start={"payload_out_ADC": "10[nM]"})
    inside = end["payload_in_ADC"][-1] / (1 - void)
    outside = end["payload_out_ADC"][-1] / void
    assert inside / outside == pytest.approx(4.0, rel=1e-8)
    assert inside * (1 - void) + outside * void == pytest.approx(10.0, rel=1e-10)


def test_payload_binds_by_concentration_in_the_cells():
    """KD of 930 nM and 65 nM of target in cells: bound/free from the mass action law."""
    model = Model("tubulin", payload(source="0[nM/h]", uptake_rate="0 1/h", efflux_rate="0 1/h"))
    end = course(model, [0.0, 10.0], start={"payload_in_ADC": "1000[nM]"})
    inside = end["payload_in_ADC"][-1] / CELLS
    assert end["payload_occupancy_ADC"][-1] == pytest.approx(inside / (930.0 + inside), rel=1e-8)
    total = end["payload_in_ADC"][-1] + end["payload_bound_ADC"][-1]
    assert total == pytest.approx(1000.0, rel=1e-12)


def adc(label, plasma=None):
    kinetics = {
        "association_rate": "7.1e-4 1/nM/s",
        "dissociation_rate": "3.5e-4 1/s",
        "internalization_rate": "3.3e-5 1/s",
        "fate": "lysosome",
        "lysosomal_rate": "1e-4 1/s",
        "degradation_rate": "2.4 1/h",
    }
    return Model(
        label,
        tissue.free_drug(
            label,
            plasma=plasma,
            diffusivity="10 um^2/s",
            void_fraction=0.24,
            permeability="3e-7 cm/s",
        ),
        engagement.binding(label, "HER2", **kinetics),
        partial=True,
    )


HER2 = engagement.surface_target("HER2", target_density="833 nM", internalization_rate="3.3e-5 1/s")
ONE_STEP = Model(
    "one step",
    adc("ADC"),
    adc("mab"),
    HER2,
    payload(source=None),
    engagement.deconjugation("ADC", "mab", deconjugation_rate="0.2 1/d", payload=True),
)


def test_deconjugation_by_hand():
    day = 86400.0
    y = {"F_ADC": 24.0, "B_ADC": 50.0}
    base = ONE_STEP.with_values(deconjugation_rate_ADC="0 1/d")
    change = {n: v - right_hand_side(base, y)[n] for n, v in right_hand_side(ONE_STEP, y).items()}
    k = 0.2 / day
    expected = dict.fromkeys(change, 0.0) | {
        "F_ADC": -k * 24,
        "F_mab": k * 24,
        "B_ADC": -k * 50,
        "B_mab": k * 50,
        "payload_out_ADC": DAR * k * 74,
    }
    assert change == pytest.approx(expected, rel=1e-9, abs=1e-16)


def test_antibody_and_payload_are_conserved():
    """All antibody is found in the two drugs, all payload on antibody, in or around the cells."""
    found = course(ONE_STEP, [0.0, 12.0, 48.0, 120.0], start={"F_ADC": "100[nM]"})
    antibody = sum(found[f"{f}_{d}"] for f in "FBILG" for d in ("ADC", "mab"))
    np.testing.assert_allclose(antibody, 100.0, rtol=1e-11)
    on_antibody = DAR * sum(found[f"{f}_ADC"] for f in "FBIL")
    released = sum(found[f"payload_{p}_ADC"] for p in ("out", "in", "bound"))
    np.testing.assert_allclose(on_antibody + released, 350.0, rtol=1e-9)
    assert released[-1] > 200.0
    assert found["G_mab"][-1] > 1.0


CHAIN = Model(
    "chain",
    HER2,
    engagement.conjugate_chain(
        "ADC",
        "HER2",
        3,
        deconjugation_rate="0.3 1/d",
        diffusivity="10 um^2/s",
        void_fraction=0.24,
        permeability="3e-7 cm/s",
        association_rate="7.1e-4 1/nM/s",
        dissociation_rate="3.5e-4 1/s",
        internalization_rate="3.3e-5 1/s",
        lysosomal_rate="1e-4 1/s",
        degradation_rate="2.4 1/h",
        payload=True,
    ),
    payload(source="degradation_rate_ADC*carried_L_ADC", drug_antibody_ratio=None),
    engagement.occupancy("HER2", engagement.ratio_labels("ADC", 3)),
    partial=True,
)


def test_chain_without_binding_is_binomial():
    """k_n = n*kdec: each linker survives with exp(-kdec t), independent of the others."""
    model = CHAIN.with_values(association_rate_ADC="0 1/nM/s")
    found = course(model, [0.0, 2.0], "d", start={"F_ADC_3": "100[nM]"})
    p = np.exp(-0.6)
    expected = [100 * w * p**n * (1 - p) ** (3 - n) for n, w in enumerate((1, 3, 3, 1))]
    shares = [found[f"F_ADC_{n}"][-1] for n in range(4)]
    np.testing.assert_allclose(shares, expected, rtol=1e-7)
    assert found["conjugated_ADC"][-1] == pytest.approx(300 * p, rel=1e-7)
    assert found["free_ADC"][-1] == pytest.approx(100 / 0.24, rel=1e-9)


def test_chain_conserves_antibody_and_payload():
    model = CHAIN
    found = course(
        model, [0.0, 12.0, 48.0, 120.0], start={"F_ADC_3": "70[nM]", "F_ADC_2": "30[nM]"}
    )
    outside = {n: found[f"F_ADC_{n}"] + found[f"B_ADC_{n}"] for n in range(4)}
    antibody = sum(outside.values()) + sum(found[f"{f}_ADC"] for f in "ILG")
    np.testing.assert_allclose(antibody, 100.0, rtol=1e-10)
    held = found["conjugated_ADC"] + found["carried_I_ADC"] + found["carried_L_ADC"]
    released = sum(found[f"payload_{p}_ADC"] for p in ("out", "in", "bound"))
    np.testing.assert_allclose(held + released, 270.0, rtol=1e-9)
    bound = sum(found[f"B_ADC_{n}"] for n in range(4))
    np.testing.assert_allclose(found["bound_ADC"], bound, rtol=1e-12)
    np.testing.assert_allclose(found["internalized_ADC"], found["I_ADC"] + found["L_ADC"])
    occupied = bound / (found["S_HER2"] + bound)
    np.testing.assert_allclose(found["occupancy_HER2"], occupied, rtol=1e-12)


def test_chain_equals_the_single_drug_in_its_antibody():
    """Summed over ratios the antibody obeys the equations of one drug."""
    one = Model("one", adc("ADC"), HER2)
    start = {"F_ADC": "100[nM]"}
    single = course(one, [0.0, 6.0, 30.0], start=start)
    chain = course(
        CHAIN,
        [0.0, 6.0, 30.0],
        start={"F_ADC_3": "60[nM]", "F_ADC_1": "40[nM]"},
    )
    for name in ("free_ADC", "bound_ADC", "internalized_ADC", "G_ADC", "S_HER2"):
        np.testing.assert_allclose(chain[name], single[name], rtol=1e-6, atol=1e-9)


def test_chain_by_steps():
    rates = ["0.1 1/d", "0.2 1/d", "0.5 1/d"]
    options = {
        "plasma": ["Cp0", "Cp1", "Cp2", "Cp3"],
        "deconjugation": "per_step",
        "deconjugation_rate": rates,
    }
    model = engagement.conjugate_chain("ADC", "HER2", 3, **options)
    values = {n: str(p.value) for n, p in model.parameters.items() if n.startswith("deconj")}
    assert values == {f"deconjugation_rate{n}_ADC": r for n, r in enumerate(rates, 1)}
    assert [t.plasma for t in model.transports.values()] == options["plasma"]
    laws = {r.name: str(r.forward) for r in model.reactions}
    assert laws["lose_F_ADC_2"] == "deconjugation_rate2_ADC*F_ADC_2"
    assert "lose_F_ADC_0" not in laws


@pytest.mark.parametrize(
    ("make", "error", "match"),
    [
        (lambda: payload(binding=False), SpecError, "KG-112.*target_density"),
        (lambda: payload(efflux_constant="1 nM"), SpecError, "KG-112.*efflux_constant"),
        (lambda: payload(uptake_capacity="1 nM/h"), SpecError, "KG-112.*uptake_capacity"),
        (lambda: payload(drug_antibody_ratio=-1.0), SpecError, "KG-108"),
        (lambda: payload(drug_antibody_ratio="3 nM"), UnitError, "KG-121"),
        (lambda: payload(void_fraction=1.2), SpecError, "KG-108"),
        (lambda: payload(permeability="3 1/h"), UnitError, "KG-121"),
        (lambda: engagement.deconjugation("a", "a"), SpecError, "KG-101"),
        (lambda: engagement.deconjugation("a", "b", forms=()), SpecError, "KG-101"),
        (lambda: engagement.ratio_labels("a", 0), SpecError, "KG-108"),
        (lambda: engagement.ratio_labels("a", 2.0), SpecError, "KG-108"),
        (lambda: engagement.conjugate_chain("a", "t", 2, plasma=["Cp"]), SpecError, "KG-101.*3"),
        (
            lambda: engagement.conjugate_chain("a", "t", 2, deconjugation_rate=["1 1/d"]),
            SpecError,
            "KG-101.*not a list",
        ),
        (
            lambda: engagement.conjugate_chain(
                "a", "t", 2, deconjugation="per_step", deconjugation_rate=["1 1/d"]
            ),
            SpecError,
            "KG-101.*2 rate constants",
        ),
        (
            lambda: engagement.conjugate_chain("a", "t", 2, deconjugation="all"),
            SpecError,
            "KG-108",
        ),
    ],
)
def test_wrong_inputs(make, error, match):
    with pytest.raises(error, match=match):
        make()
