"""Models of plasma and tissue from drugs, a tumour and a subject of the library.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from krogh.errors import SpecError
from krogh.library.catalog import drug as drug_of_name
from krogh.library.catalog import subject as subject_of_name
from krogh.library.catalog import tumour as tumour_of_name
from krogh.library.drug_spec import Drug
from krogh.library.plasma import plasma_model, plasma_of, plasma_values, shared_sinks
from krogh.library.size_laws import transport_values
from krogh.library.subject_spec import Subject
from krogh.library.tumour_spec import Tumour
from krogh.library.values import Value, parameter_of
from krogh.model import engagement, tissue
from krogh.model.components import Output, Parameter, Rate, Rule, Species
from krogh.model.network import Model

__all__ = ["Assembly", "assemble", "assembly_of"]

_PAYLOAD = (
    "diffusivity",
    "void_fraction",
    "permeability",
    "uptake_rate",
    "efflux_rate",
    "target_density",
    "association_rate",
    "dissociation_rate",
    "efflux_capacity",
    "efflux_constant",
)


@dataclass(frozen=True)
class Assembly:
    """What `assemble` joins.

    Attributes
    ----------
    systemic
        Model of the plasma, or None without a subject.
    tissue
        Model of the tissue, for `krogh.simulate_line`.
    values
        Every value by the name of its parameter in the models.
    owners
        Whose value each is, for shared random draws: the drug's or the tumour's name.
    fields
        Parameters that vary over the cells; see ``Tumour.fields``.
    drugs
        The drugs, with naked antibodies that were added.
    """

    systemic: Model | None
    tissue: Model
    values: Mapping[str, Value]
    owners: Mapping[str, str]
    fields: Mapping[str, Any]
    drugs: tuple[Drug, ...]


def assemble(
    drugs: Any, tumour: Tumour | str, subject: Subject | str | None = None
) -> tuple[Model | None, Model]:
    """Return the systemic and the tissue model of drugs in a tumour of a subject.

    Parameters
    ----------
    drugs
        A `Drug` or name, or a list of them.  Drugs with one target compete for it; drugs with one
        sink fill it together; a conjugate that loses its payload becomes the antibody of its family
        that is among the drugs, else a naked antibody ``<label>_naked`` is added.
    tumour
        A `Tumour` or name.
    subject
        A `Subject` or name; None: no systemic model, plasma curves are given with the simulation.

    Returns
    -------
    systemic : Model or None
        ``central_<drug>`` (nmol; doses in mg arrive by ``molar_mass_<drug>``), ``Cp_<drug>`` (nM).
    tissue : Model
        Species per total tissue volume with the outputs ``free_<drug>``, ``bound_<drug>``,
        ``internalized_<drug>``, ``total_<drug>``, ``uptake_<drug>``, ``payload_<drug>``,
        ``kill_<drug>``, ``occupancy_<target>``, ``viable``, as far as they apply.  Parameters are
        ``<value>_<drug>`` and ``<value>_<target>`` by the names of the library, and
        ``cell_density``.

    Raises
    ------
    SpecError
        KG-103 an unknown name; KG-147 drugs, tumour and subject that do not go together (no such
        target, no plasma for the species, transport values that are missing); KG-148 two drugs with
        one label.

    Examples
    --------
    >>> systemic, tissue = assemble(["T-DM1", "trastuzumab"], "NCI-N87", "mouse 20 g")
    >>> "occupancy_HER2" in tissue.outputs
    True
    """
    found = assembly_of(drugs, tumour, subject)
    return found.systemic, found.tissue


def assembly_of(drugs: Any, tumour: Tumour | str, subject: Subject | str | None) -> Assembly:
    """Return what `assemble` returns, with the values behind it and the fields.

    Raises
    ------
    SpecError
        As of `assemble`.
    """
    place = tumour_of_name(tumour) if isinstance(tumour, str) else tumour
    person = subject_of_name(subject) if isinstance(subject, str) else subject
    given = drugs if isinstance(drugs, Sequence) and not isinstance(drugs, str) else [drugs]
    every = [drug_of_name(d) if isinstance(d, str) else d for d in given]
    _check(every, place, person)
    built = _Builder(place, _with_naked(every))
    systemic = None if person is None else built.systemic(person, [d.label for d in every])
    tissue_model = built.tissue()
    known = {*tissue_model.parameters, *(systemic.parameters if systemic is not None else ())}
    return Assembly(
        systemic=systemic,
        tissue=tissue_model,
        values={n: v for n, v in built.values.items() if n in known},
        owners={n: o for n, o in built.owners.items() if n in known},
        fields=place.fields(*built.drugs),
        drugs=tuple(built.drugs),
    )


def _check(drugs: Sequence[Any], tumour: Any, subject: Any) -> None:
    if not drugs:
        raise SpecError("KG-147: assemble needs one drug at least.")
    for kind, things in ((Drug, drugs), (Tumour, [tumour]), (Subject, [subject])):
        for thing in things:
            if thing is not None and not isinstance(thing, kind):
                raise SpecError(
                    f"KG-147: assemble takes drugs, a tumour and a subject, by name or as of"
                    f" krogh.library; {thing!r:.60} is no {kind.__name__}."
                )
    labels = [d.label for d in drugs]
    for label in labels:
        if labels.count(label) > 1:
            raise SpecError(
                f"KG-148: two drugs have the label {label!r}; give one of them another by"
                " drug.renamed(name, label)."
            )


def _with_naked(drugs: list[Drug]) -> list[Drug]:
    """Return the drugs and a naked antibody for each conjugate whose antibody is not among them."""
    found = list(drugs)
    for drug in drugs:
        if "deconjugation_rate" in drug.values and _naked_label(drug, drugs) is None:
            gone = [n for n in drug.values if n.startswith("payload_")]
            gone += ["deconjugation_rate", "drug_antibody_ratio", "max_kill_rate"]
            gone += ["half_kill_payload", "kill_hill"]
            naked = drug.without(*(n for n in gone if n in drug.values))
            found.append(naked.renamed(f"{drug.name} naked", f"{drug.label}_naked"))
    return found


def _naked_label(drug: Drug, drugs: Sequence[Drug]) -> str | None:
    """Return the label of the antibody that a conjugate becomes, if it is among the drugs."""
    for other in drugs:
        is_naked = other.kind == "antibody" and "deconjugation_rate" not in other.values
        same = other.family and other.family == drug.family and other.target == drug.target
        if (is_naked and same) or other.label == f"{drug.label}_naked":
            return other.label
    return None


@dataclass
class _Builder:
    """Collects the values and builds both models."""

    place: Tumour
    drugs: list[Drug]
    values: dict[str, Value] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)

    def take(self, base: str, label: str, value: Value, owner: str) -> Parameter:
        """Note a value under the name of its parameter and return the parameter."""
        name = f"{base}_{label}" if label else base
        self.values[name] = value
        self.owners[name] = owner
        return parameter_of(value)

    # --- plasma -----------------------------------------------------------------------------------

    def systemic(self, person: Subject, dosed: Sequence[str]) -> Model:
        """Return the systemic model."""
        parts: list[Any] = []
        members = []
        for drug in self.drugs:
            plasma, values = plasma_of(drug, person), plasma_values(drug, person)
            for name, value in values.items():
                self.take(name, drug.label, value, drug.family or drug.name)
            self.take("molar_mass", drug.label, drug.molar_mass, drug.name)
            parts.append(plasma_model(drug, plasma, values, drug.label in dosed))
            members.append((drug, plasma, values))
        parts.append(shared_sinks(members))
        for drug in self.drugs:
            if "deconjugation_rate" in drug.values and drug.plasma[person.species].deconjugates:
                parts.append(self._plasma_deconjugation(drug))
        names = ", ".join(d.name for d in self.drugs)
        return Model(f"plasma of {names} in {person.name}", *parts, note=_keys(self.drugs))

    def _plasma_deconjugation(self, drug: Drug) -> list[Any]:
        """Return the loss of payload in plasma: conjugate becomes naked antibody."""
        naked, label = _naked_label(drug, self.drugs), drug.label
        rate = self.take("deconjugation_rate", label, drug.values["deconjugation_rate"], drug.name)
        parts: list[Any] = [rate.changed(name=f"deconjugation_rate_{label}")]
        for state in ("central", "peripheral"):
            flux = f"deconjugation_rate_{label}*{state}_{label}"
            parts.append(Rate(f"{state}_{label}", f"-{flux}", name="deconjugation"))
            parts.append(Rate(f"{state}_{naked}", flux, name=f"deconjugation_{label}"))
        return parts

    # --- tissue -----------------------------------------------------------------------------------

    def tissue(self) -> Model:
        """Return the tissue model."""
        parts: list[Any] = []
        density = self.take("cell_density", "", self.place.cell_density, self.place.name)
        targets: dict[str, list[str]] = {}
        for drug in self.drugs:
            if drug.target:
                targets.setdefault(drug.target, []).append(drug.label)
        for target, labels in targets.items():
            parts.append(self._target(target))
            parts.append(engagement.occupancy(target, labels))
        for drug in self.drugs:
            parts.append(self._drug(drug, density))
        killing = [d.label for d in self.drugs if "max_kill_rate" in d.values]
        if killing:
            kill = " + ".join(f"kill_{x}" for x in killing)
            parts += [
                Species("viable", "", initial="1", note="part of the cells that is alive"),
                Rate("viable", f"-({kill})*viable", name="kill"),
                Output("viable", unit=""),
            ]
        names = ", ".join(d.name for d in self.drugs)
        note = f"{_keys(self.drugs)} {' '.join(f'[{k}]' for k in self.place.citations)}"
        return Model(f"{names} in {self.place.name}", *parts, note=note)

    def _target(self, target: str) -> Model:
        values = self.place.target_values(target)
        owner = self.place.name
        given: dict[str, Any] = {
            name: self.take(name, target, value, owner) for name, value in values.items()
        }
        if "internalization_rate" not in given:
            given["internalization_rate"] = self.take(
                "internalization_rate", target, _NO_TURNOVER, owner
            )
        return engagement.surface_target(
            target,
            recycling="recycling_rate" in values,
            **given,
        )

    def _drug(self, drug: Drug, density: Parameter) -> Model:
        """Return one drug in the tissue."""
        label, owner = drug.label, drug.family or drug.name
        values = transport_values(drug, self.place)

        def take(*names: str) -> dict[str, Any]:
            return {n: self.take(n, label, values[n], owner) for n in names if n in values}

        wall = self.place.wall_kind
        moving = ["diffusivity", "void_fraction", "free_in_plasma"]
        if wall == "membrane":
            moving.append("permeability")
        for name in ("diffusivity", "void_fraction", *(["permeability"][: wall == "membrane"])):
            if name not in values:
                raise SpecError(
                    f"KG-147: {drug.name} has no {name}, nor a radius from which it could follow;"
                    f" give it by drug.with_values({name}=...)."
                )
        # uptake that bound drug causes is taken out of the free drug, as published
        below_zero = drug.cells_see == "free and bound"
        parts = [tissue.free_drug(label, wall=wall, may_be_negative=below_zero, **take(*moving))]
        if "protein_association_rate" in values:
            protein = {
                n.removeprefix("protein_"): p
                for n, p in take(*(n for n in values if n.startswith("protein_"))).items()
            }
            parts.append(tissue.protein_binding(label, **protein))
        if drug.target:
            parts.append(self._binding(drug, values, take))
        if "uptake_rate" in values or "uptake_capacity" in values:
            parts.append(self._cells(drug, values, take, density))
        if "metabolic_rate" in values:
            parts.append(tissue.metabolism(label, **take("metabolic_rate")))
        if "drug_antibody_ratio" in values:
            parts.append(self._payload(drug, values, take, density))
        if "deconjugation_rate" in values:
            naked = _naked_label(drug, self.drugs)
            assert naked is not None  # _with_naked added it
            parts.append(
                engagement.deconjugation(
                    label,
                    naked,
                    payload="drug_antibody_ratio" in values,
                    **take("deconjugation_rate"),
                )
            )
        model = parts[0]
        for part in parts[1:]:
            model = model + part
        model = model + tissue.total_drug(label, forms=model)
        if drug.target:
            model = model + engagement.uptake(label, forms=model, cell_density=density)
        if drug.label_kind:
            model = model + tissue.label(
                label,
                drug.label_kind,
                half_life=take("label_half_life").get("label_half_life"),
                leaving_rate=take("label_leaving_rate").get("label_leaving_rate"),
            )
        return model

    def _binding(self, drug: Drug, values: Mapping[str, Value], take: Any) -> Model:
        names = ["association_rate", "dissociation_rate", "internalization_rate"]
        lysosome = "lysosomal_rate" in values
        recycling = "recycling_rate" in values
        names += ["lysosomal_rate", "degradation_rate"] if lysosome else []
        names += ["recycling_rate"] if recycling else []
        for name in names:
            if name not in values:
                raise SpecError(
                    f"KG-147: {drug.name} binds {drug.target} but has no {name}; give it by"
                    f" drug.with_values({name}=...)."
                )
        return engagement.binding(
            drug.label,
            drug.target,
            fate="lysosome" if lysosome else "kept",
            recycling=recycling,
            **take(*names),
        )

    def _cells(
        self, drug: Drug, values: Mapping[str, Value], take: Any, density: Parameter
    ) -> Model:
        label = drug.label
        saturable = "uptake_capacity" in values
        seen = None
        if drug.cells_see == "free and bound":
            seen = f"(free_{label} + protein_bound_{label})"
        names = ("uptake_rate", "efflux_rate", "uptake_capacity", "uptake_constant")
        return tissue.cell_uptake(
            label,
            outside=seen,
            passive="uptake_rate" in values,
            saturable_uptake=saturable,
            saturable_efflux="efflux_capacity" in values,
            cell_density=density,
            **take(*names, "efflux_capacity", "efflux_constant"),
        )

    def _payload(
        self, drug: Drug, values: Mapping[str, Value], take: Any, density: Parameter
    ) -> Model:
        label = drug.label
        if "lysosomal_rate" not in values:
            raise SpecError(
                f"KG-147: the payload of {drug.name} is set free by degradation in lysosomes; give"
                " lysosomal_rate and degradation_rate, or take drug_antibody_ratio away."
            )
        given = {
            n.removeprefix("payload_"): p
            for n, p in take(*(f"payload_{n}" for n in _PAYLOAD)).items()
        }
        model = engagement.payload(
            label,
            binding="payload_target_density" in values,
            saturable_efflux="payload_efflux_capacity" in values,
            cell_density=density,
            **take("drug_antibody_ratio"),
            **given,
        )
        if "max_kill_rate" not in values:
            return model
        for name in ("half_kill_payload", "kill_hill"):
            if name not in values:
                raise SpecError(f"KG-147: {drug.name} has max_kill_rate but no {name}.")
        held = f"payload_in_{label}"
        if "payload_target_density" in values:
            held = f"({held} + payload_bound_{label})"
        killing = take("max_kill_rate", "half_kill_payload", "kill_hill")
        law = (
            f"max_kill_rate_{label}*hill({held}/payload_cells_{label},"
            f" half_kill_payload_{label}, kill_hill_{label})"
        )
        kill = [
            *(p.changed(name=f"{n}_{label}") for n, p in killing.items()),
            Rule(f"kill_{label}", law, unit="1/d", note="kill by payload in cells [scheuher_2023]"),
            Output(f"kill_{label}", unit="1/d"),
        ]
        return model + kill


_NO_TURNOVER = Value(
    value="0 1/s",
    range="not determined, value chosen here",
    source="no turnover of the unoccupied target is stated",
    verified=False,
)


def _keys(drugs: Sequence[Drug]) -> str:
    return " ".join(dict.fromkeys(f"[{key}]" for d in drugs for key in d.citations))
