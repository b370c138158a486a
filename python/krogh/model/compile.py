"""Models compiled for the solvers: the core's program, units, packing of parameter values.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from krogh.errors import SpecError, did_you_mean
from krogh.model.components import DoseInput
from krogh.model.expression import Expression
from krogh.model.lowering import break_times
from krogh.model.packing import nominal_values, packed
from krogh.model.program import build_program, structure_of
from krogh.units import (
    BASE_NAMES,
    Dimension,
    convert_amount,
    describe,
    dimension,
    factor,
    parse_unit,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from krogh.model.network import Model

__all__ = ["CompiledModel", "compile_model"]

DEFAULT_STORED: Final = 16
"""Doses that an input function sees where neither model nor schedule says how many."""


_CACHE_SIZE: Final = 64
_programs: OrderedDict[tuple[str, tuple[int, ...]], Any] = OrderedDict()
_compiled: OrderedDict[tuple[str, tuple[int, ...]], CompiledModel] = OrderedDict()


_lock = threading.Lock()


def _recalled(cache: OrderedDict[Any, Any], key: Any) -> Any:
    with _lock:
        found = cache.get(key)
        if found is not None:
            cache.move_to_end(key)
        return found


def _remember(cache: OrderedDict[Any, Any], key: Any, value: Any) -> Any:
    with _lock:
        value = cache.setdefault(key, value)
        cache.move_to_end(key)
        while len(cache) > _CACHE_SIZE:
            cache.popitem(last=False)
        return value


def compile_model(model: Model, doses: Mapping[str, int]) -> CompiledModel:
    """Return the compiled model, from the cache if an equal one was compiled before."""
    _ = model.analysis  # raises for a block that is not complete
    if not model.species:
        raise SpecError(f"KG-112: model {model.name!r} has no species; there is nothing to solve.")
    stored = _stored_slots(model, doses)
    key = (model.content, tuple(stored.values()))
    found: CompiledModel | None = _recalled(_compiled, key)
    if found is None:
        found = _remember(_compiled, key, CompiledModel(model, stored))
    return found


def _stored_slots(model: Model, doses: Mapping[str, int]) -> dict[str, int]:
    """Return how many doses each input function sees."""
    for name in doses:
        if name not in model.species:
            raise SpecError(
                f"KG-103: model {model.name!r} has no species {name!r}."
                f"{did_you_mean(str(name), model.species)}"
            )
    slots: dict[str, int] = {}
    for name, dose in model.dose_inputs.items():
        if dose.input_function is None:
            continue
        count = int(doses.get(name, 0))
        if dose.stored is not None:
            require_room(dose, dose.stored, count)
            slots[name] = dose.stored
        elif count > 0:
            slots[name] = 1 << (count - 1).bit_length()
        else:
            slots[name] = DEFAULT_STORED
    return slots


def require_room(dose: DoseInput, stored: int, count: int) -> None:
    """Raise SpecError KG-113 where a schedule gives more doses than an input function sees."""
    if count > stored:
        raise SpecError(
            f"KG-113: {dose.label} has an input function that sees {stored} doses; the schedule"
            f" gives {count}, so the oldest would be lost.\n"
            f"  Use stored={count} in DoseInput({dose.species!r}, ...), or leave 'stored' out."
        )


class CompiledModel:
    """A model ready for the solvers.

    Attributes
    ----------
    model : Model
        What was compiled.
    program : krogh._core.Program
        The tapes, in internal units (um, s, 1e-24 mol, 1e-21 g), time in s.
    state_names, state_units : tuple of str
        Species and their units as declared.
    parameter_names, parameter_units : tuple of str
        Parameters, covariates, random effects, then slots of stored doses, in the engine's order.
    output_names, output_units : tuple of str
        Outputs and their units as declared.
    output_factors, state_factors : ndarray
        Factors from internal to declared units.
    nominal : ndarray, shape (num_parameters,)
        Nominal values in internal units; NaN where a parameter has none.
    """

    def __init__(self, model: Model, stored: Mapping[str, int]) -> None:
        parts = model.parts
        self.model = model
        self.stored = dict(stored)
        self.state_names: tuple[str, ...] = tuple(parts.species)
        self.state_units: tuple[str, ...] = tuple(s.unit for s in parts.species.values())
        self._state = {name: i for i, name in enumerate(self.state_names)}
        slots: list[str] = []
        for name, count in self.stored.items():
            slots += [f"dose_time({name}, {k})" for k in range(count)]
            slots += [f"dose_amount({name}, {k})" for k in range(count)]
        self.num_model_parameters = (
            len(parts.parameters) + len(parts.covariates) + len(parts.random_effects)
        )
        self.parameter_names: tuple[str, ...] = (
            *parts.parameters,
            *parts.covariates,
            *parts.random_effects,
            *slots,
        )
        self.parameter_units: tuple[str, ...] = (
            *(p.unit for p in parts.parameters.values()),
            *(c.unit for c in parts.covariates.values()),
            *("" for _ in range(len(parts.random_effects) + len(slots))),
        )
        self._parameter = {name: i for i, name in enumerate(self.parameter_names)}
        outputs = model.outputs
        self.output_names: tuple[str, ...] = tuple(outputs)
        self.output_units: tuple[str, ...] = tuple(o.unit for o in outputs.values())
        self.output_factors = _fixed([1.0 / factor(u) for u in self.output_units])
        self.state_factors = _fixed([1.0 / factor(u) for u in self.state_units])
        self.nominal = nominal_values(self)
        key = (structure_of(model), tuple(self.stored.values()))
        program = _recalled(_programs, key)
        if program is None:
            program = _remember(_programs, key, build_program(self))
        self.program = program

    def __reduce__(self) -> tuple[Any, ...]:
        return (compile_model, (self.model, self.stored))

    def __repr__(self) -> str:
        return (
            f"<CompiledModel {self.model.name!r}: {len(self.state_names)} states,"
            f" {len(self.parameter_names)} parameters, {len(self.output_names)} outputs>"
        )

    # --- names ------------------------------------------------------------------------------------

    def state_index(self, name: str) -> int:
        """Return the position of a species among the states; SpecError KG-103 if there is none."""
        return _index(self._state, name, f"model {self.model.name!r} has no species")

    def parameter_index(self, name: str) -> int:
        """Return the position of a parameter, covariate or random effect."""
        return _index(
            self._parameter,
            name,
            f"model {self.model.name!r} has no parameter, covariate or effect",
        )

    def output_index(self, name: str) -> int:
        """Return the position of an output."""
        at = {n: i for i, n in enumerate(self.output_names)}
        return _index(at, name, f"model {self.model.name!r} has no output")

    def cmt(self, name_or_number: str | int) -> int:
        """Return the state of a compartment as event tables name it: a species, or 1, 2, ..."""
        if isinstance(name_or_number, str) and not name_or_number.strip().isdigit():
            return self.state_index(name_or_number)
        number = int(name_or_number)
        if not 1 <= number <= len(self.state_names):
            listed = ", ".join(f"{i + 1} {n}" for i, n in enumerate(self.state_names[:12]))
            more = ", ..." if len(self.state_names) > 12 else ""
            raise SpecError(
                f"KG-103: compartment {number} does not exist; model {self.model.name!r} has"
                f" {listed}{more}."
            )
        return number - 1

    def dose_state(self, route: str | None = None, drug: str | None = None) -> int:
        """Return where doses go that name no compartment: the dose input that fits, the first one.

        Raises
        ------
        SpecError
            KG-103 where the model knows routes or drugs and none fits, or has several dose inputs
            of which none says its route or drug.
        """
        inputs = list(self.model.dose_inputs.values())
        for what, wanted in (("route", route), ("drug", drug)):
            known = [str(getattr(d, what)) for d in inputs if getattr(d, what)]
            if not wanted or (not known and len(inputs) < 2):
                continue
            if not known:
                raise SpecError(
                    f"KG-103: a dose has the {what} {wanted!r}, but no dose input of model"
                    f" {self.model.name!r} ({', '.join(d.species for d in inputs)}) says its"
                    f" {what}; write DoseInput({inputs[0].species!r}, {what}={wanted!r}), or in"
                    f" the dose 'into {inputs[0].species}'."
                )
            fitting = [d for d in inputs if getattr(d, what).lower() == wanted.lower()]
            if not fitting:
                raise SpecError(
                    f"KG-103: model {self.model.name!r} has no dose input for the {what}"
                    f" {wanted!r}; it knows {', '.join(sorted(set(known)))}."
                    f"{did_you_mean(wanted, known)}"
                )
            inputs = fitting
        return self._state[inputs[0].species] if inputs else 0

    # --- doses ------------------------------------------------------------------------------------

    def dose_dimension(self, state: int) -> Dimension:
        """Return the dimension of doses into a state.

        An amount or a mass, also for a concentration in a compartment (the program divides by the
        volume); the species' own dimension for anything else.
        """
        return self.model.analysis.dose_dimension(self.state_names[state])

    def molar_mass(self, state: int) -> float | None:
        """Return the molar mass of a species in kDa, or None if it states none."""
        expression = self.model.species[self.state_names[state]].molar_mass
        if expression is None:
            return None
        return float(self.evaluate(expression))

    def dose_amount(self, state: int, value: Any, unit: str) -> Any:
        """Return a dose (float or array) in the internal units of a state's doses.

        Parameters
        ----------
        state
            Number of the state.
        value, unit
            The dose; an amount, or an amount per time for an infusion rate.

        Raises
        ------
        UnitError
            KG-121 wrong dimension, KG-122 mass against moles without a molar mass.
        """
        wanted = self.dose_dimension(state)
        given = dimension(unit)
        rate = wanted.over(dimension("s"))
        per_time = given == rate or (given[0] == -1 and wanted[0] == 0)
        target = _internal_unit(rate if per_time else wanted)
        mass = self.molar_mass(state) if given not in (wanted, rate) else None
        name = self.state_names[state]
        try:
            return convert_amount(value, unit, target, None if mass is None else (mass, "kDa"))
        except ValueError as error:
            code = getattr(error, "code", "KG-121")
            if code == "KG-122":
                from krogh.errors import UnitError

                raise UnitError(
                    f"KG-122: a dose in {unit!r} into {name!r}, which counts {describe(wanted)},"
                    " needs the molar mass.\n"
                    f"  State it in the model: Species({name!r}, ..., molar_mass='148 kDa'); it is"
                    " never guessed."
                ) from None
            from krogh.errors import UnitError

            raise UnitError(
                f"KG-121: a dose in {unit!r} ({describe(given)}) does not fit {name!r}, whose doses"
                f" are {describe(wanted)}."
            ) from None

    def require_doses(self, counts: Mapping[int, int]) -> None:
        """Raise SpecError KG-113 if a schedule gives more doses than an input function sees.

        Parameters
        ----------
        counts
            Largest number of doses of one subject, additional ones included, by state.
        """
        for state, count in counts.items():
            name = self.state_names[state]
            if name in self.stored:
                require_room(self.model.dose_inputs[name], self.stored[name], count)

    @property
    def break_times(self) -> tuple[float, ...]:
        """Times in s at which a linear table of time bends; worth a stop of the integrator."""
        return break_times(self.model)

    # --- values -----------------------------------------------------------------------------------

    def evaluate(self, expression: Expression | str, parameters: Any = None) -> Any:
        """Return the value of an expression of parameters in internal units.

        Parameters
        ----------
        expression
            Of parameters, covariates, random effects and rules of them.
        parameters : array, shape (num_parameters,) or (num_subjects, num_parameters), optional
            Values in internal units; nominal ones if left out.

        Returns
        -------
        float, or ndarray of shape (num_subjects,)
        """
        from krogh.model.evaluation import parametric_value

        return parametric_value(self, expression, parameters)

    def pack(
        self, overrides: Mapping[str, Any] | None = None, num_subjects: int | None = None
    ) -> NDArray[np.float64]:
        """Return parameter values for the solver.

        Parameters
        ----------
        overrides
            By name of parameter, covariate or random effect: a float or array of shape
            (num_subjects,) in the declared unit, text with a unit, a (values, unit) pair, a
            quantity, or for covariates with categories their names.
        num_subjects
            Checked against the arrays; taken from them if left out.

        Returns
        -------
        ndarray, shape (num_subjects, num_parameters)
            C-contiguous, internal units; one row if nothing differs between subjects.

        Raises
        ------
        SpecError
            KG-103 unknown name, KG-108 not finite, outside the bounds, or of the wrong length,
            KG-109 a parameter without value, KG-111 a molar mass, which converts doses before the
            solver sees them and is changed by `Model.with_values`.
        UnitError
            KG-121 wrong dimension.
        """
        return packed(self, overrides or {}, num_subjects)


def _index(positions: Mapping[str, int], name: str, what: str) -> int:
    found = positions.get(name)
    if found is None:
        raise SpecError(f"KG-103: {what} {name!r}.{did_you_mean(str(name), positions)}")
    return found


def _fixed(values: list[float]) -> NDArray[np.float64]:
    array = np.array(values, dtype=np.float64)
    array.flags.writeable = False
    return array


def _internal_unit(powers: Dimension) -> str:
    """Return a unit text with factor 1 for a dimension."""
    base = {
        "time": "s",
        "length": "um",
        "amount": "nM um^3",
        "mass": "(ng/mL um^3)",
        "temperature": "K",
        "pressure": "mmHg",
        "radioactivity": "Bq",
        "angle": "rad",
        "biological activity": "IU",
        "absorbed dose": "Gy",
        "cells": "cell",
    }
    parts = [
        f"({base[name]})^({power})" for name, power in zip(BASE_NAMES, powers, strict=True) if power
    ]
    text = " * ".join(parts) or "dimensionless"
    assert parse_unit(text).exact == 1, text
    return text
