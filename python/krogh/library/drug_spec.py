"""What a drug is: identity, values with ranges and sources, plasma by species, named value sets.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from krogh.errors import SpecError, did_you_mean
from krogh.library.schema import RegimenEntry
from krogh.library.values import Value, chosen_value, reason_of, same_unit, table_of
from krogh.model.vocabulary import valid_name
from krogh.table import ResultTable

__all__ = ["DRUG_VALUES", "KINDS", "PLASMA_VALUES", "Drug", "Plasma", "ValueSet"]

KINDS: Final = (
    "antibody",
    "antibody-drug conjugate",
    "small molecule",
    "peptide",
    "nanobody",
    "nanoparticle",
    "tracer",
)
"""Kinds of drugs; what is assembled depends on the values and options, not on the kind."""

DRUG_VALUES: Final[dict[str, str]] = {
    "molar_mass": "g/mol",
    "radius": "nm",
    # the interstitium and the wall
    "diffusivity": "um^2/s",
    "void_fraction": "",
    "permeability": "um/s",
    "free_in_plasma": "",
    # a target on cells
    "association_rate": "1/nM/s",
    "dissociation_rate": "1/s",
    "internalization_rate": "1/s",
    "recycling_rate": "1/s",
    "lysosomal_rate": "1/s",
    "degradation_rate": "1/s",
    # payload of a conjugate
    "deconjugation_rate": "1/s",
    "drug_antibody_ratio": "",
    "payload_diffusivity": "um^2/s",
    "payload_void_fraction": "",
    "payload_permeability": "um/s",
    "payload_uptake_rate": "1/s",
    "payload_efflux_rate": "1/s",
    "payload_target_density": "nM",
    "payload_association_rate": "1/nM/s",
    "payload_dissociation_rate": "1/s",
    "payload_efflux_capacity": "nM/s",
    "payload_efflux_constant": "nM",
    # small molecules: protein, cells, loss in the tissue
    "protein_association_rate": "1/s",
    "protein_dissociation_rate": "1/s",
    "protein_diffusivity": "um^2/s",
    "protein_permeability": "um/s",
    "uptake_rate": "1/s",
    "efflux_rate": "1/s",
    "uptake_capacity": "nM/s",
    "uptake_constant": "nM",
    "efflux_capacity": "nM/s",
    "efflux_constant": "nM",
    "metabolic_rate": "1/s",
    # imaging labels
    "label_half_life": "h",
    "label_leaving_rate": "1/s",
    # kill of cells
    "max_kill_rate": "1/d",
    "half_kill_payload": "nM",
    "kill_hill": "",
}
"""Names of the values of a drug with a unit of the dimension that each has."""

PLASMA_VALUES: Final[dict[str, str]] = {
    "V1": "L",
    "V2": "L",
    "V3": "L",
    "Q": "L/d",
    "Q3": "L/d",
    "CL": "L/d",
    "k12": "1/d",
    "k21": "1/d",
    "k13": "1/d",
    "k31": "1/d",
    "kel": "1/d",
    "Vmax": "mg/d",
    "Km": "mg/L",
}
"""Names of the values of a drug in plasma; Vmax and Km may also be molar (nmol/d, nM)."""


class _Entry(BaseModel):
    """Frozen, without unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Plasma(_Entry):
    """How a drug is distributed and eliminated in one species.

    Attributes
    ----------
    model
        Name of a published model of the library whose typical subject is taken, at the weight of
        the subject and the reference values of the other covariates; its ranges between subjects
        become the ranges.  Then nothing else is given.
    compartments
        1, 2 or 3.
    form
        ``"clearance"`` (V1, Q, V2, CL) or ``"micro"`` (V1, k12, k21, kel).
    elimination
        ``"linear"``, ``"saturable"`` or both.
    everywhere
        Whether linear elimination (``kel``, micro form) acts in every compartment.
    deconjugates
        Whether the conjugate loses payload in plasma beside its elimination (the elimination of a
        model of the conjugate alone holds that loss already).
    sink
        Drugs with the same word share the saturable path: each fills it for the others.
    values
        As in `PLASMA_VALUES`.
    note
        What should be known.
    """

    model: str = ""
    compartments: Literal[1, 2, 3] = 1
    form: Literal["clearance", "micro"] = "clearance"
    elimination: tuple[Literal["linear", "saturable"], ...] = ("linear",)
    everywhere: bool = False
    deconjugates: bool = False
    sink: str = ""
    values: dict[str, Value] = {}
    note: str = ""

    @model_validator(mode="after")
    def _complete(self) -> Plasma:
        if self.model:
            if self.values:
                raise ValueError("'values' belong to a plasma without 'model'")
            return self
        needed = set(self.needed)
        for name in needed - set(self.values):
            raise ValueError(f"plasma needs the value {name!r}")
        for name in set(self.values) - needed:
            raise ValueError(f"{name!r} has no meaning here; needed: {', '.join(sorted(needed))}")
        return self

    @property
    def needed(self) -> tuple[str, ...]:
        """Names of the values that this form needs."""
        names = ["V1"]
        pairs = (
            (("Q", "V2"), ("Q3", "V3"))
            if self.form == "clearance"
            else (("k12", "k21"), ("k13", "k31"))
        )
        for pair in pairs[: self.compartments - 1]:
            names += pair
        if "linear" in self.elimination:
            names.append("CL" if self.form == "clearance" else "kel")
        if "saturable" in self.elimination:
            names += ["Vmax", "Km"]
        return tuple(names)


class ValueSet(_Entry):
    """A named set of values that takes the place of the default ones, such as a published one."""

    description: str = Field(min_length=1)
    values: dict[str, Value] = {}
    without: tuple[str, ...] = ()
    plasma: dict[str, Plasma] = {}
    citations: tuple[str, ...] = ()


class Drug(_Entry):
    """A drug of the library, frozen; changes make new ones.

    Attributes
    ----------
    name
        As in texts and regimens.
    label
        Identifier behind the names of its parameters and outputs (``Cp_TDM1``).
    kind
        One of `KINDS`.
    target
        What it binds on cells; empty if nothing.
    family
        Drugs of one family (the same antibody, conjugated or labeled) share random draws of the
        values that say so by ``varies_with``.
    values
        Values with unit, range and source; names as in `DRUG_VALUES`.
    plasma
        By species (``"mouse"``, ``"human"``).
    sets
        Named value sets; see `with_set`.
    set
        Name of the set that is in use; empty for the default values.
    label_kind
        Of an imaging label: whether it stays in cells when the drug is degraded.
    cells_see
        Whether uptake into cells follows the free interstitial drug or all of it.
    """

    format: Literal["krogh-library-drug"]
    version: Literal[1]
    name: str
    label: str
    aliases: tuple[str, ...] = ()
    kind: Literal[
        "antibody",
        "antibody-drug conjugate",
        "small molecule",
        "peptide",
        "nanobody",
        "nanoparticle",
        "tracer",
    ]
    title: str
    target: str = ""
    family: str = ""
    citations: tuple[str, ...] = Field(min_length=1)
    verification: str = Field(min_length=1)
    notes: tuple[str, ...] = ()
    values: dict[str, Value]
    plasma: dict[str, Plasma] = {}
    given: dict[str, Value] = {}
    sets: dict[str, ValueSet] = {}
    set: str = ""
    label_kind: Literal["", "residualizing", "non_residualizing"] = ""
    cells_see: Literal["free", "free and bound"] = "free"
    regimens: tuple[RegimenEntry, ...] = ()

    @model_validator(mode="after")
    def _known_names_and_units(self) -> Drug:
        if not valid_name(self.label):
            raise ValueError(f"the label {self.label!r} is no identifier")
        tables = [("values", self.values), ("given", self.given)]
        tables += [(f"sets.{n}.values", s.values) for n, s in self.sets.items()]
        for where, values in tables:
            _check_units(values, {**DRUG_VALUES, **PLASMA_VALUES}, where)
            if where != "given":
                _check_names(values, DRUG_VALUES, where)
        plasmas = list(self.plasma.items())
        plasmas += [(n, p) for s in self.sets.values() for n, p in s.plasma.items()]
        for species, plasma in plasmas:
            _check_names(plasma.values, PLASMA_VALUES, f"plasma.{species}")
            _check_units(plasma.values, PLASMA_VALUES, f"plasma.{species}")
        if "molar_mass" not in self.values:
            raise ValueError("a drug needs its molar_mass: doses in mg arrive as nmol")
        if self.target and "association_rate" not in self.values:
            raise ValueError("a drug with a target needs association_rate and dissociation_rate")
        return self

    # --- what it says -----------------------------------------------------------------------------

    @property
    def molar_mass(self) -> Value:
        """The molar mass, by which doses in mg become nmol."""
        return self.values["molar_mass"]

    @property
    def uncertain(self) -> tuple[str, ...]:
        """Names of the values that have a range and are drawn for virtual patients."""
        return tuple(n for n, v in self.values.items() if v.is_uncertain and n != "molar_mass")

    @property
    def unverified(self) -> tuple[str, ...]:
        """Names of the values that were not checked against a source."""
        return tuple(n for n, v in self.values.items() if not v.verified)

    @property
    def equilibrium_constant(self) -> float | None:
        """The dissociation constant KD = dissociation_rate/association_rate in nM, or None."""
        if "association_rate" not in self.values:
            return None
        return same_unit(self.values["dissociation_rate"], "1/s") / same_unit(
            self.values["association_rate"], "1/nM/s"
        )

    @property
    def source(self) -> str:
        """Every source, for `krogh.cite`."""
        keys = " ".join(f"[{key}]" for key in self.citations)
        return "\n".join([keys, *(v.source for _, v in self._everything())])

    def _everything(self) -> Iterator[tuple[str, Value]]:
        yield from self.values.items()
        for species, plasma in self.plasma.items():
            for name, value in plasma.values.items():
                yield f"{name} ({species})", value
        for name, value in self.given.items():
            yield f"{name} (given)", value

    # --- changes ----------------------------------------------------------------------------------

    def with_values(self, values: Mapping[str, Any] | None = None, /, **more: Any) -> Drug:
        """Return the drug with other values.

        Parameters
        ----------
        values, **more
            By name: text with unit (``permeability="1e-7 cm/s"``), or a mapping with ``value``,
            ``range``, ``source`` ...; a new value without a range is not drawn for virtual
            patients.  ``KD="0.5 nM"`` sets the dissociation rate to KD times the association rate.
            Names of plasma values (``V1``, ``CL``, ``kel``, ...) act in every species.

        Raises
        ------
        SpecError
            KG-103 an unknown name, KG-108 a negative value or one outside its range.
        UnitError
            KG-121 another dimension, KG-124 no unit.
        """
        changes = {**(values or {}), **more}
        affinity = changes.pop("KD", None)
        new, given = dict(self.values), dict(self.given)
        plasma = {n for p in self.plasma.values() for n in (p.values or PLASMA_VALUES)}
        for name, value in changes.items():
            what = f"{name!r} of {self.name}"
            if name in new:
                new[name] = chosen_value(new[name], value, what)
            elif name in plasma:
                base = given.get(name) or _plasma_template(self, name)
                given[name] = chosen_value(base, value, what)
            elif name in DRUG_VALUES and name not in plasma:
                base = Value(
                    value=f"1 {DRUG_VALUES[name]}".strip(),
                    range="not determined, value chosen here",
                    source="given by the user",
                )
                new[name] = chosen_value(base, value, what)
            else:
                known = {*new, *plasma, *DRUG_VALUES, "KD"}
                raise SpecError(
                    f"KG-103: {self.name} has no value {name!r}.{did_you_mean(name, known)}\n"
                    f"  Values: {', '.join([*self.values, *sorted(plasma)])}."
                )
        if affinity is not None:
            new["dissociation_rate"] = self._of_affinity(new, affinity)
        return self._changed(values=new, given=given)

    def _of_affinity(self, values: Mapping[str, Value], affinity: Any) -> Value:
        if "association_rate" not in values:
            raise SpecError(f"KG-103: {self.name} binds no target; 'KD' has no meaning.")
        base = Value(value="1 nM", range="not determined, value chosen here", source="given")
        number = same_unit(chosen_value(base, affinity, f"'KD' of {self.name}"), "nM")
        rate = number * same_unit(values["association_rate"], "1/nM/s")
        return chosen_value(
            values["dissociation_rate"],
            {"value": f"{rate!r} 1/s", "source": f"KD {number:g} nM given by the user"},
            f"'KD' of {self.name}",
        )

    def with_set(self, name: str) -> Drug:
        """Return the drug with a named value set in place of the default values.

        Raises
        ------
        SpecError
            KG-103 for an unknown set.
        """
        if name not in self.sets:
            raise SpecError(
                f"KG-103: {self.name} has no value set {name!r}."
                f"{did_you_mean(name, self.sets)}\n  Sets: {', '.join(self.sets) or 'none'}."
            )
        chosen = self.sets[name]
        values = {n: v for n, v in self.values.items() if n not in chosen.without}
        return self._changed(
            values={**values, **chosen.values},
            plasma={**self.plasma, **chosen.plasma},
            set=name,
            citations=tuple(dict.fromkeys((*self.citations, *chosen.citations))),
        )

    def without(self, *names: str) -> Drug:
        """Return the drug without optional values, and so without the processes they stand for.

        Raises
        ------
        SpecError
            KG-103 for a name it does not have.
        """
        for name in names:
            if name not in self.values:
                raise SpecError(
                    f"KG-103: {self.name} has no value {name!r}.{did_you_mean(name, self.values)}"
                )
        return self._changed(values={n: v for n, v in self.values.items() if n not in names})

    def renamed(self, name: str, label: str) -> Drug:
        """Return the same molecule as another drug, for example a second label of one antibody."""
        return self._changed(name=name, label=label, family=self.family or self.name, aliases=())

    def _changed(self, **fields: Any) -> Drug:
        try:
            return Drug(**{**dict(self), **fields})
        except ValueError as error:
            raise SpecError(f"KG-108: {self.name}: {reason_of(error)}.") from None

    # --- printing ---------------------------------------------------------------------------------

    def table(self) -> ResultTable:
        """Return every value with its range, whether it was verified, and its source."""
        chosen = f", set {self.set!r}" if self.set else ""
        return table_of(self._everything(), f"{self.name} ({self.kind}{chosen})")

    def __str__(self) -> str:
        head = [f"{self.name} ({self.kind}); label {self.label}", self.title]
        if self.set:
            head.append(f"value set {self.set!r}: {self.sets[self.set].description}")
        body = [f"  {name} = {value}" for name, value in self._everything()]
        plasma = [
            f"  {species}: library model {p.model}" if p.model else f"  {species}: {p.note}"
            for species, p in self.plasma.items()
        ]
        sets = [f"  {name}: {s.description}" for name, s in self.sets.items()]
        parts = [("Values", body), ("Plasma", plasma), ("Value sets", sets)]
        parts += [("Notes", [f"  {n}" for n in self.notes]), ("", [f"  {self.verification}"])]
        text = ["\n".join(head)]
        text += ["\n".join([h or "Verification", *lines]) for h, lines in parts if lines]
        return "\n\n".join(text)

    def __repr__(self) -> str:
        return f"<drug {self.name!r} ({self.kind}): {len(self.values)} values>"

    def _repr_html_(self) -> str:
        return self.table()._repr_html_() or html.escape(str(self))


def _check_names(values: Mapping[str, Value], known: Mapping[str, str], where: str) -> None:
    for name in values:
        if name not in known:
            raise ValueError(f"{where} has the unknown name {name!r}.{did_you_mean(name, known)}")


def _check_units(values: Mapping[str, Value], known: Mapping[str, str], where: str) -> None:
    from krogh.units import dimension

    molar = {"Vmax": "nmol/d", "Km": "nM"}
    for name, value in values.items():
        unit = known.get(name)
        if unit is None:
            raise ValueError(f"{where} has the unknown name {name!r}.{did_you_mean(name, known)}")
        given = dimension(value.unit or "1")
        fits = [dimension(u or "1") for u in (unit, molar.get(name, unit))]
        if given not in fits:
            raise ValueError(f"{where}.{name} is {value.value}; needed: a unit such as {unit!r}")


def _plasma_template(drug: Drug, name: str) -> Value:
    """Return a value of the name in any species, which says its dimension."""
    for plasma in drug.plasma.values():
        if name in plasma.values:
            return plasma.values[name]
    return Value(
        value=f"1 {PLASMA_VALUES[name]}",
        range="not determined, value chosen here",
        source="given by the user",
    )
