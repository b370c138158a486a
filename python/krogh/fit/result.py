"""The result of a fit: estimates, their precision, the verdict, predictions and residuals.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import html
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from krogh.dosing import EventTable
from krogh.errors import FitError, SpecError, did_you_mean
from krogh.fit.judgment import Verdict
from krogh.fit.likelihood import Floats, Likelihood, Residuals
from krogh.fit.observations import Observations
from krogh.fit.parameters import Estimated
from krogh.fit.prediction import Prediction
from krogh.fit.search import Search, Start
from krogh.fit.uncertainty import Precision
from krogh.model import Model
from krogh.population import ParameterUncertainty
from krogh.result import SimulationResult
from krogh.table import ResultTable

if TYPE_CHECKING:
    from krogh.units import Quantity

__all__ = ["FitResult"]


@dataclass(frozen=True, eq=False, repr=False)
class FitResult:
    """Estimates of a fit, immutable.

    ``result["CL"]`` is an estimate with its unit.  Standard errors come from the expected
    information with the residual variance for n - p degrees of freedom; those of a parameter on the
    logarithmic scale are relative ones times the estimate, and its interval is
    exp(ln estimate -+ t SE), t for n - p degrees of freedom.

    Attributes
    ----------
    model, table
        As given; of the table the subjects with measurements.
    level, seed, rtol
        As given.
    best
        Number of the start that is reported.
    """

    model: Model
    table: EventTable
    estimated: tuple[Estimated, ...]
    level: float
    seed: int
    rtol: float
    best: int
    _values: tuple[float, ...]
    _fixed: Mapping[str, Any]
    _observations: Observations
    _prediction: Prediction
    _residuals: Residuals
    _likelihood: Likelihood
    _precision: Precision
    _verdict: Verdict
    _starts: tuple[Start, ...]
    _search: Search
    _subjects: Any
    _keywords: Mapping[str, Any]

    # --- facts ------------------------------------------------------------------------------------

    @property
    def converged(self) -> bool:
        """Whether the fit passed every test of `krogh.fit.judgment`."""
        return not self._verdict.reasons

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why the fit is not converged."""
        return self._verdict.reasons

    @property
    def notes(self) -> tuple[str, ...]:
        """What else the reader should know."""
        return self._verdict.notes

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the estimates; those of a group have its label in brackets."""
        return tuple(e.name for e in self.estimated)

    @property
    def objective(self) -> float:
        """-2 ln L of the measurements, all constants included."""
        return self._likelihood.objective

    @property
    def num_observations(self) -> int:
        """Number of measurements."""
        return int(self._observations.values.size)

    @property
    def num_parameters(self) -> int:
        """Number of estimated numbers: parameters, and those of the residual errors."""
        errors = len(self._observations.strata) + len(self._search.columns)
        return len(self.estimated) + errors

    @property
    def degrees_of_freedom(self) -> int:
        """Measurements less the estimated parameters (and shares of combined errors)."""
        return self.num_observations - self._search.num_variables

    @property
    def aic(self) -> float:
        """Akaike's criterion, -2 ln L + 2 k with k = `num_parameters` (Akaike 1974)."""
        return self.objective + 2.0 * self.num_parameters

    @property
    def bic(self) -> float:
        """Schwarz's criterion, -2 ln L + k ln n (Schwarz 1978)."""
        return self.objective + math.log(self.num_observations) * self.num_parameters

    def _position(self, name: str) -> int:
        if name not in self.names:
            raise SpecError(
                f"KG-118: {name!r} was not estimated.{did_you_mean(name, self.names)}"
                f"  Estimates: {', '.join(self.names)}."
            )
        return self.names.index(name)

    def __getitem__(self, name: str) -> Quantity:
        from krogh.units import Quantity

        k = self._position(name)
        return Quantity(self._values[k], self.estimated[k].unit)

    def standard_error(self, name: str) -> float:
        """Return the standard error of an estimate, in its unit."""
        k = self._position(name)
        return float(self._precision.standard_errors[k]) * self.estimated[k].slope(self._values[k])

    def relative_standard_error(self, name: str) -> float:
        """Return the standard error over the magnitude of the estimate, %."""
        value = abs(self._values[self._position(name)])
        return 100.0 * self.standard_error(name) / value if value > 0.0 else math.inf

    def interval(self, name: str, level: float | None = None) -> tuple[float, float]:
        """Return the confidence interval of an estimate, in its unit."""
        from scipy.special import stdtrit

        width = self.level if level is None else level
        if not 0.0 < width < 1.0:
            raise SpecError(f"KG-118: level must lie between 0 and 1, not {level!r}.")
        k = self._position(name)
        e, error = self.estimated[k], float(self._precision.standard_errors[k])
        value = self._values[k]
        half = float(stdtrit(self.degrees_of_freedom, 0.5 + 0.5 * width)) * error
        if e.is_log:
            with np.errstate(over="ignore"):  # an interval without end
                low, high = value * float(np.exp(-half)), value * float(np.exp(half))
        else:
            low, high = value - half, value + half
        return low, high

    @property
    def covariance(self) -> Floats:
        """Covariance of the estimates on the scale of the search (ln where logarithmic)."""
        size = len(self.estimated)
        return self._precision.covariance[:size, :size].copy()

    @property
    def correlation(self) -> Floats:
        """Correlation of the estimates, shape (num_estimates, num_estimates)."""
        size = len(self.estimated)
        return self._precision.correlation[:size, :size].copy()

    @property
    def singular_values(self) -> Floats:
        """Singular values of the weighted derivatives, columns scaled to length 1."""
        return self._precision.singular_values.copy()

    # --- tables -----------------------------------------------------------------------------------

    @property
    def parameters(self) -> ResultTable:
        """A row for each estimate: value, standard error, relative one (%), interval, scale."""
        percent = f"{100.0 * self.level:g} %"
        bounds = [self.interval(name) for name in self.names]
        return ResultTable(
            {
                "parameter": list(self.names),
                "unit": [e.unit for e in self.estimated],
                "estimate": list(self._values),
                "SE": [self.standard_error(name) for name in self.names],
                "RSE": [self.relative_standard_error(name) for name in self.names],
                f"{percent} low": [low for low, _ in bounds],
                f"{percent} high": [high for _, high in bounds],
                "scale": ["log" if e.is_log else "linear" for e in self.estimated],
            },
            {"RSE": "%"},
        )

    @property
    def errors(self) -> ResultTable:
        """A row for each residual error: measurements, standard deviations, variance.

        ``sd`` is in the unit of the output (of ln for a logarithmic error), ``cv`` relative, %.
        Both are for n - p degrees of freedom; ``variance`` is that of y, of y/f, or of ln y (for a
        combined error sd^2 at a prediction of 0).
        """
        rows: dict[str, list[Any]] = {
            k: [] for k in ("output", "error", "unit", "n", "sd", "cv", "variance")
        }
        for k, stratum in enumerate(self._observations.strata):
            sigma = float(self._likelihood.sigma_unbiased[k])
            sd, cv = sigma, math.nan
            if stratum.error == "proportional":
                sd, cv = math.nan, 100.0 * sigma
            elif stratum.error == "combined":
                w = self._search.shares(self._starts[self.best].end)[k][1]
                sd = sigma * stratum.size * math.sqrt(1.0 - w)
                cv = 100.0 * sigma * math.sqrt(w)
            unit = self._search.predictor.compiled.output_units[stratum.output]
            rows["output"].append(stratum.label)
            rows["error"].append(stratum.error)
            rows["unit"].append("ln" if stratum.error == "log" else unit)
            rows["n"].append(stratum.rows.size)
            rows["sd"].append(sd)
            rows["cv"].append(cv)
            rows["variance"].append(sd**2 if stratum.error == "combined" else sigma**2)
        return ResultTable(rows, {"cv": "%"})

    @property
    def starts(self) -> ResultTable:
        """A row for each start: where it began and ended, objective, how its search ended."""
        columns: dict[str, Any] = {"start": np.arange(1, len(self._starts) + 1)}
        best = self._starts[self.best].objective
        columns["objective"] = [s.objective for s in self._starts]
        columns["above best"] = [s.objective - best for s in self._starts]
        columns["began at"] = [s.begin_objective for s in self._starts]
        for k, e in enumerate(self.estimated):
            columns[e.name] = [self._search.values(s.end)[k] for s in self._starts]
            columns[f"{e.name} first"] = [self._search.values(s.begin)[k] for s in self._starts]
        columns["evaluations"] = [s.evaluations for s in self._starts]
        columns["end"] = [s.message for s in self._starts]
        shown = {e.name: e.unit for e in self.estimated}
        return ResultTable(columns, {**shown, **{f"{n} first": u for n, u in shown.items()}})

    @property
    def observations(self) -> ResultTable:
        """A row for each measurement: ID, TIME, output, DV, prediction, residuals.

        ``residual`` is measured less predicted (of logarithms for a logarithmic error),
        ``standardized`` the same over its standard deviation; both are NaN for a censored value,
        whose DV is its limit (``censored`` says on which side it lies).
        """
        o = self._observations
        spread = self._likelihood.spreads(o, self._residuals)
        residual = np.where(o.is_censored, np.nan, self._residuals.deviations)
        names = np.array(self._search.predictor.compiled.output_names)[o.output]
        return ResultTable(
            {
                "row": self.table.rows[o.table_rows],
                "ID": np.asarray(self.table["ID"])[o.table_rows],
                "TIME": np.asarray(self.table["TIME"])[o.table_rows],
                "output": names,
                "DV": o.values,
                "censored": np.select(
                    [o.high == o.values, o.low == o.values], ["below", "above"], ""
                ),
                "predicted": self._prediction.values,
                "residual": residual,
                "standardized": residual / spread,
            },
            {"TIME": str(self.table.units["TIME"])},
        )

    def to_frame(self) -> Any:
        """Return the table of estimates as a pandas DataFrame.

        Raises
        ------
        MissingExtra
            KG-901 without pandas.
        """
        return self.parameters.to_frame()

    def to_csv(self, path: str | Path | None = None) -> str:
        """Return the table of estimates as CSV, and write it where a path is given."""
        return self.parameters.to_csv(path)

    # --- use --------------------------------------------------------------------------------------

    def values(self, subject: Any = None) -> dict[str, str]:
        """Return the estimates as text with units, as ``simulate(..., values=...)`` takes them.

        Parameters
        ----------
        subject
            ID of the subject whose estimates are meant; needed where they differ.

        Raises
        ------
        SpecError
            KG-101 where estimates differ between subjects and none is named.
        """
        ids = self.table.subjects
        if subject is not None and subject not in ids:
            raise SpecError(f"KG-101: the fit has no subject {subject!r}.")
        found: dict[str, str] = {}
        for e, value in zip(self.estimated, self._values, strict=True):
            if not np.all(e.members):
                if subject is None:
                    raise SpecError(
                        f"KG-101: {e.parameter!r} differs between subjects; say whose estimates"
                        f" are meant: subject={ids[0]!r}."
                    )
                if not e.members[ids.index(subject)]:
                    continue
            found[e.parameter] = f"{value!r} {e.unit or '1'}"
        return found

    def uncertainty(self, level: str = "population") -> ParameterUncertainty:
        """Return the uncertainty of the estimates for ``simulate(..., uncertainty=...)``.

        Parameters
        ----------
        level
            See `krogh.population.ParameterUncertainty`.

        Raises
        ------
        SpecError
            KG-112 where estimates differ between subjects, scales are mixed, or a variance is not
            finite.
        """
        if not all(np.all(e.members) for e in self.estimated):
            raise SpecError("KG-112: estimates differ between subjects; they have no one draw.")
        scales = {e.is_log for e in self.estimated}
        if len(scales) > 1:
            raise SpecError(
                "KG-112: some estimates are on the logarithmic scale and some are not; estimate all"
                " on one (Free(..., scale=...)) to draw them jointly."
            )
        if not np.all(np.isfinite(self.covariance)):
            raise SpecError("KG-112: a variance is not finite; see diagnose().")
        return ParameterUncertainty(self.names, self.covariance, scales.pop(), level)

    def simulate(
        self,
        dosing: Any = None,
        *,
        subject: Any = None,
        uncertainty: bool | str = False,
        values: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> SimulationResult:
        """Simulate with the estimates; options are those of `krogh.simulate`.

        Parameters
        ----------
        dosing
            What is given; None for the table of the fit, every subject with its own estimates.
        subject
            Whose estimates, where they differ.
        uncertainty
            True draws from the uncertainty of the estimates, one draw for each subject (so
            ``subjects=1000`` shows the interval of the prediction); ``"population"`` one for all.
        values
            Other values on top.
        """
        from krogh.simulate import simulate

        if uncertainty:
            level = uncertainty if isinstance(uncertainty, str) else "subject"
            options["uncertainty"] = self.uncertainty(level)
        own: dict[str, Any]
        if dosing is None:
            dosing = self.table
            overrides = self._search.predictor.overrides(list(self._values))
            own = {k: float(v[0]) if np.all(v == v[0]) else v for k, v in overrides.items()}
            options = {**self._keywords, **options}
            options.setdefault("subjects", self._subjects)
        else:
            own = dict(self.values(subject))
        chosen = {**self._fixed, **own, **(values or {})}
        return simulate(self.model, dosing, values=chosen, **options)

    def profile(self, name: str, points: int = 11, width: float = 3.0) -> ResultTable:
        """Return the likelihood profile of a parameter; see `krogh.fit.profile`."""
        from krogh.fit.profile import profile_of

        return profile_of(self, name, points, width)

    def plot(
        self,
        *,
        by: str | None = None,
        log: bool = False,
        path: str | Path | None = None,
    ) -> Any:
        """Draw data and fit; see `krogh.fit.plot.plot_fit`."""
        from krogh.fit.plot import plot_fit

        return plot_fit(self, by=by, log=log, path=path)

    # --- text -------------------------------------------------------------------------------------

    def _headline(self) -> str:
        people = self.table.num_subjects
        state = "converged" if self.converged else "NOT CONVERGED"
        return (
            f"{self.model.name}: {len(self.estimated)} parameters from {self.num_observations}"
            f" measurements of {people} subject{'s' if people != 1 else ''}: {state}"
        )

    def _lines(self) -> list[str]:
        o, verdict = self._observations, self._verdict
        lines = [f"not converged: {reason}" for reason in verdict.reasons]
        lines.append(f"starts     {verdict.agreeing} of {len(self._starts)} end at the estimate")
        lines.append(
            f"objective  -2 ln L = {self.objective:.4f}, AIC {self.aic:.2f}, BIC {self.bic:.2f},"
            f" {self.degrees_of_freedom} degrees of freedom"
        )
        if o.num_points or o.num_excluded:
            lines.append(
                f"rows       {o.num_excluded} measurements left out by include,"
                f" {o.num_points} rows without a measurement"
            )
        if o.is_censored.any():
            lines.append(
                f"rows       {int(o.is_censored.sum())} of the values are limits (censored)"
            )
        if self.table.num_dropped:
            lines.append(
                f"rows       {self.table.num_dropped} values below the limit of quantification were"
                " dropped when the table was read (blq='drop')"
            )
        lines.extend(f"note       {note}" for note in verdict.notes)
        return lines

    def diagnose(self) -> str:
        """Return everything that was tested, in words, with starts and correlations."""
        size = len(self.estimated)
        pairs = [
            (abs(r), self.names[j], self.names[i], r)
            for i in range(size)
            for j in range(i)
            if np.isfinite(r := float(self._precision.correlation[i, j]))
        ]
        pairs.sort(reverse=True)
        shown = [f"{a} - {b}: {r:.3f}" for _, a, b, r in pairs[:5]]
        singular = ", ".join(f"{s:.2g}" for s in self.singular_values)
        lines = [
            self._headline(),
            *self._lines(),
            f"relative offset {self._verdict.offset:.2g} (below 0.001: at rest)",
            f"singular values of the derivatives, columns of length 1: {singular}",
            "largest correlations: " + ("; ".join(shown) if shown else "none"),
            str(self.starts),
        ]
        return "\n".join(lines)

    def require_converged(self) -> FitResult:
        """Return the result itself.

        Raises
        ------
        FitError
            KG-401 with the reasons if the fit is not converged; ``error.result`` is this result.
        """
        if not self.converged:
            reasons = ";\n  ".join(self._verdict.reasons)
            raise FitError(
                "KG-401: the search ended, but the fit is not converged.\n"
                f"  {reasons}.\n  Full diagnosis: fit.diagnose()",
                result=self,
            )
        return self

    def __str__(self) -> str:
        return "\n".join([self._headline(), *self._lines(), str(self.parameters), str(self.errors)])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        lines = "<br>".join(html.escape(line) for line in self._lines())
        return (
            f"<div><strong>{html.escape(self._headline())}</strong><br>{lines}"
            f"{self.parameters._repr_html_()}{self.errors._repr_html_()}</div>"
        )
