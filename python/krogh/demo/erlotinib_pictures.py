"""Pictures of the erlotinib demo: plasma, growth of the four groups, and growth against dose.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from krogh.demo.erlotinib import GROUPS, ErlotinibAnswer
from krogh.plot import COLORS, new_figure, tidy_axes

__all__ = ["draw_dose", "draw_growth", "draw_plasma"]

_POINTS: Final = 121
_LAST_DAY: Final = 30.0


def draw_plasma(answer: ErlotinibAnswer) -> Any:
    """Draw measured and fitted plasma concentrations after one dose of 100 mg/kg."""
    fit = answer.plasma
    figure = new_figure(5.2, 3.6)
    figure.set_layout_engine("constrained")
    axes = figure.add_subplot()
    hours = np.linspace(0.0, 24.0, 241)[1:]
    course = fit.simulate("100 mg/kg oral", times=(hours, "h"), metrics=False, progress=False)
    axes.plot(hours, course["Cp"].values[0], color=COLORS[0], lw=1.6, label="fit")
    rows = fit.observations
    axes.plot(rows["TIME"] * 24.0, rows["DV"], "o", mfc="none", mec="black", ms=5, label="measured")
    axes.set_yscale("log")
    _plain(axes)
    axes.set_xticks(np.arange(0, 25, 6))
    axes.set_xlabel("time after the dose (h)")
    axes.set_ylabel("erlotinib in plasma (mg/L)")
    axes.set_title("one oral dose of 100 mg/kg, 14 mice", fontsize=10, loc="left")
    axes.legend(frameon=False)
    tidy_axes(axes)
    return figure


def draw_growth(answer: ErlotinibAnswer) -> Any:
    """Draw measured volumes and the fit, a panel for each group."""
    fit = answer.growth
    table = fit.table
    days = np.linspace(0.0, _LAST_DAY, _POINTS)
    fitted = fit.simulate(times=(days, "d"), metrics=False, progress=False)["tumor"].values
    rows = fit.observations
    group, time = (np.asarray(table[name], dtype=float) for name in ("GROUP", "TIME"))
    is_dose = np.asarray(table["EVID"]) == 1
    figure = new_figure(9.2, 3.5)
    figure.set_layout_engine("constrained")
    panels = figure.subplots(1, len(GROUPS), sharex=True, sharey=True)
    for axes, (number, dose) in zip(panels, GROUPS.items(), strict=True):
        count = 0
        for k, subject in enumerate(table.subjects):
            if group[table.subject_index == k][0] != float(number):
                continue
            count += 1
            mine = rows["ID"] == subject
            measured = "measured" if count == 1 else None
            axes.plot(
                rows["TIME"][mine], rows["DV"][mine], "o", ms=2.5, color="0.45", label=measured
            )
            line = "fit, each animal" if count == 1 else None
            axes.plot(days, fitted[k], color=COLORS[0], lw=1.0, alpha=0.8, label=line)
        given = np.unique(time[is_dose & (group == float(number))])
        if given.size:
            axes.plot(
                given,
                np.full(given.shape, 0.025),
                "^",
                ms=3.5,
                color=COLORS[1],
                transform=axes.get_xaxis_transform(),
                label="dose",
            )
        name = f"{dose:g} mg/kg daily" if dose > 0.0 else "control"
        axes.set_title(f"{name}, {count} mice", fontsize=10, loc="left")
        axes.set_xlabel("time (d)")
        axes.set_xticks([0, 10, 20, 30])
        tidy_axes(axes)
    panels[0].set_yscale("log")
    # One volume of 0.00005 cm^3 would take half of every panel.
    low = float(np.sort(rows["DV"])[1])
    panels[0].set_ylim(bottom=low / 1.5)
    panels[0].set_ylabel("tumour volume (cm³)")
    _plain(panels[0])
    handles = panels[-1].get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    left_out = int(np.sum(rows["DV"] < low / 1.5))
    if left_out:
        panels[-1].text(
            0.98,
            0.98,
            f"{left_out} volume below {low / 1.5:.1g} cm³\nis not shown",
            transform=panels[-1].transAxes,
            ha="right",
            va="top",
            fontsize=8,
            color="0.35",
        )
    return figure


def draw_dose(answer: ErlotinibAnswer) -> Any:
    """Draw net growth against daily dose, and the courses predicted at some doses."""
    still = answer.standstill
    highest = 1.6 * max(still.high, 62.5)
    figure = new_figure(9.2, 3.7)
    figure.set_layout_engine("constrained")
    left, right = figure.subplots(1, 2)
    doses = np.linspace(0.0, highest, _POINTS)
    middle, low, high = answer.net_growth(doses)
    left.fill_between(doses, low, high, color=COLORS[0], alpha=0.22, lw=0)
    left.plot(doses, middle, color=COLORS[0], lw=1.6)
    left.axhline(0.0, color="0.3", lw=0.8)
    left.axvspan(still.low, still.high, color=COLORS[1], alpha=0.18, lw=0)
    left.axvline(still.dose, color=COLORS[1], lw=1.4, ls="--")
    left.annotate(
        f"growth stops at {still.dose:.3g}\n({still.low:.3g} to {still.high:.3g}) mg/kg",
        (still.dose, 0.0),
        xytext=(0.97, 0.95),
        textcoords="axes fraction",
        ha="right",
        va="top",
        fontsize=9,
        arrowprops={"arrowstyle": "-", "color": COLORS[1]},
    )
    tested = np.array([dose for dose in GROUPS.values() if dose <= highest])
    left.plot(tested, np.full(tested.shape, 0.0), "v", color="black", ms=6, label="doses tested")
    left.set_xlabel("erlotinib, daily (mg/kg)")
    left.set_ylabel(
        "net growth of a small tumour (1/d)" if still.size == 0.0 else "net growth (1/d)"
    )
    left.legend(frameon=False, loc="lower left")
    tidy_axes(left)

    days = np.linspace(0.0, _LAST_DAY, _POINTS)
    shown = [0.0, 25.0, still.dose, 100.0]
    for k, (dose, lines) in enumerate(
        zip(shown, answer.courses(np.array(shown), days), strict=True)
    ):
        low, high = np.quantile(lines[1:], [0.025, 0.975], axis=0)
        right.fill_between(days, low, high, color=COLORS[k], alpha=0.2, lw=0)
        name = f"{dose:.3g} mg/kg daily" if dose > 0.0 else "no drug"
        style = ("-", "--", "-.", ":")[k]
        right.plot(days, lines[0], style, color=COLORS[k], lw=1.7, label=name)
    right.axvline(3.0, color="0.5", lw=0.8)
    right.set_yscale("log")
    _plain(right)
    right.set_xlabel("time (d); treatment from day 3 on")
    right.set_ylabel("predicted volume (cm³)")
    right.legend(frameon=False, fontsize=9)
    tidy_axes(right)
    return figure


def _plain(axes: Any) -> None:
    """Write the numbers of a logarithmic axis plainly."""
    from matplotlib.ticker import FuncFormatter, NullFormatter

    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
