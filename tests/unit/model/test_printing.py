"""Models and expressions as text, LaTeX and HTML.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from krogh.model import (
    Compartment,
    Covariate,
    DoseInput,
    Event,
    Model,
    Output,
    Parameter,
    Reaction,
    Rule,
    Species,
    Table,
    Variability,
    parse,
)
from krogh.model.notation import name_html, name_latex, to_html, to_latex, unit_latex
from krogh.model.printing import readable_unit
from krogh.units import dimension


def tmdd() -> Model:
    return Model(
        "TMDD",
        Parameter("CL", "0.2 L/d", lower="0 L/d", source="doi:10.1/x <b>", verified=False),
        Parameter("V1", "3 L"),
        Parameter("kon", "0.1 1/(nM h)"),
        Parameter("koff", "0.01 1/h"),
        Parameter("x", unit="mg"),
        Covariate("WT", "70 kg"),
        Covariate("sex", 0, categories={"female": 0, "male": 1}),
        Variability(("eta_CL", "eta_V"), [[0.09, 0.01], [0.01, 0.04]]),
        Compartment("central", "V1"),
        Species("C", "nM", compartment="central", molar_mass="148 kDa"),
        Species("R", "nM", initial="10[nM]", compartment="central", note="free receptor"),
        Species("RC", "nM", initial="steady", compartment="central"),
        Rule("CLi", "CL*(WT/70[kg])^0.75*exp(eta_CL)"),
        Rule("half", "log(2)*V1/CLi", unit="d"),
        Reaction("C + R <-> RC", "kon*C*R", "koff*RC"),
        Reaction("C ->", "CLi*C"),
        Output("Cp", "C*148[kDa]", unit="mg/L"),
        Output("C", unit="nM"),
        Event("rescue", "C < 1[nM]", {"R": "R/2"}, direction="both"),
        DoseInput("C", lag="2[h]", route="iv"),
        Table("f", [0, 24], [1, 2], x_unit="h", y_unit="mg/h"),
        note="Full binding.",
    )


def test_text_has_all_sections():
    text = str(tmdd())
    for line in (
        "Model 'TMDD'",
        "  Full binding.",
        "Parameters",
        "Covariates",
        "female = 0, male = 1",
        "not verified",
        "(no value) mg",
        "0 L/d .. inf",
        "variance 0.09",
        "cov(eta_V, eta_CL) = 0.01",
        "  central: volume = V1",
        "in central; molar mass 148[kDa]",
        "free receptor",
        "  d(C)/dt = -kon*C*R + koff*RC - CLi*C/V1   [nM/time]",
        "  d(RC)/dt = kon*C*R - koff*RC   [nM/time]",
        "initially steady",
        "  CLi = CL*(WT/70[kg])^0.75*exp(eta_CL)   [L/h]",
        "  half = log(2)*V1/CLi   [d]",
        "  Cp = C*148[kDa]   [mg/L]",
        "  rescue: when C < 1[nM] (both): R := R/2",
        "  into C: lag = 2[h], route iv",
        "  f(x): linear, 2 points from 0 to 24 h, values in mg/h",
    ):
        assert line in text, line
    assert all(line == line.rstrip() for line in text.splitlines())


def test_an_empty_section_is_left_out():
    assert "Events" not in str(Model("m", Species("A", "mg")))


class _Balance(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text = ""

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def test_html_is_balanced_and_escaped():
    html = tmdd()._repr_html_()
    reader = _Balance()
    reader.feed(html)
    assert reader.open == []
    assert "doi:10.1/x <b>" in reader.text
    assert "<b>" not in html.replace("<b>Parameters</b>", "").split("doi:10.1/x")[1][:30]
    for word in ("Parameters", "Equations", "steady state", "Rules", "Events", "Dosing"):
        assert word in reader.text


def test_names_of_components_cannot_inject_html():
    html = Model("<script>", Species("A", "mg"), note="a & b")._repr_html_()
    assert "<script>" not in html
    assert "a &amp; b" in html


def test_latex_lists_derivatives_starts_rules_and_outputs():
    latex = tmdd().to_latex()
    assert latex.startswith(r"\begin{aligned}")
    assert latex.endswith(r"\end{aligned}")
    assert r"\frac{\mathrm{d}C}{\mathrm{d}t} &= -\mathrm{kon}\,C\,R" in latex
    assert r"R(t_0) &= 10\,\mathrm{nM}" in latex
    assert r"\right|_{t_0} &= 0" in latex
    assert latex.count(r"\left") == latex.count(r"\right")
    assert latex.count("{") == latex.count("}")


@pytest.mark.parametrize(
    ("text", "latex"),
    [
        ("a/b", r"\frac{a}{b}"),
        ("(a+b)*c", r"\left(a + b\right)\,c"),
        ("(a/b)^2", r"{\left(\frac{a}{b}\right)}^{2}"),
        ("a^(b+c)", "{a}^{b + c}"),
        ("-(a+b)", r"-\left(a + b\right)"),
        ("a - (b - c)", r"a - \left(b - c\right)"),
        ("a*2", r"a \cdot 2"),
        ("2e-5*a", r"2\times 10^{-5}\,a"),
        ("1e20", "10^{20}"),
        ("sqrt(a)*abs(b)", r"\sqrt{a}\,\left|b\right|"),
        ("log(a)", r"\ln\left(a\right)"),
        ("5[ug/mL]", r"5\,\mathrm{\mu g\,mL^{-1}}"),
        ("pi*k_on", r"\pi\,k_{\mathrm{on}}"),
        ("hill(x, k, n)", r"\frac{{x}^{n}}{{k}^{n} + {x}^{n}}"),
        ("hill(a*b, k, n)", r"\frac{{\left(a\,b\right)}^{n}}{{k}^{n} + {\left(a\,b\right)}^{n}}"),
        ("michaelis_menten(x, v, k)", r"\frac{v\,x}{k + x}"),
        ("michaelis_menten(x, a + b, k)", r"\frac{\left(a + b\right)\,x}{k + x}"),
        ("max(a, b)", r"\max\left(a, b\right)"),
        ("expit(a)", r"\operatorname{expit}\left(a\right)"),
        ("my_table(t)", r"\operatorname{my\_table}\left(t\right)"),
        (
            "if(a <= 1 and not b > 2, c, d)",
            r"\begin{cases}c & \text{if } a \le 1 \land \lnot \left(b > 2\right)\\"
            r"d & \text{otherwise}\end{cases}",
        ),
    ],
)
def test_latex(text, latex):
    assert to_latex(parse(text)) == latex


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("a*b - c", "<i>a</i>&middot;<i>b</i> &minus; <i>c</i>"),
        ("a^2", "<i>a</i><sup>2</sup>"),
        ("(a+b)^n", "(<i>a</i> + <i>b</i>)<sup><i>n</i></sup>"),
        ("5[nM] < a", "5&nbsp;nM &lt; <i>a</i>"),
        ("a - -b", "<i>a</i> &minus; (&minus;<i>b</i>)"),
        ("f(pi)", "f(&pi;)"),
    ],
)
def test_html(text, html):
    assert to_html(parse(text)) == html


@pytest.mark.parametrize(
    ("name", "latex", "html"),
    [
        ("k", "k", "<i>k</i>"),
        ("V1", "V_{1}", "<i>V</i><sub>1</sub>"),
        ("k_on", r"k_{\mathrm{on}}", "<i>k</i><sub>on</sub>"),
        ("eta_CL", r"\eta_{\mathrm{CL}}", "<i>&eta;</i><sub>CL</sub>"),
        ("drug.k_on", r"\mathrm{drug}_{\mathrm{k},\mathrm{on}}", "<i>drug</i><sub>k,on</sub>"),
        ("_x", "x", "<i>x</i>"),
        ("__", r"\mathrm{\_\_}", "<i>__</i>"),
        ("C_alpha", r"C_{\alpha}", "<i>C</i><sub>alpha</sub>"),
    ],
)
def test_names(name, latex, html):
    assert name_latex(name) == latex
    assert name_html(name) == html


@pytest.mark.parametrize(
    ("unit", "latex"),
    [
        ("L/d", r"\mathrm{L\,d^{-1}}"),
        ("1/(nM h)", r"\mathrm{nM^{-1}\,h^{-1}}"),
        ("mL/min/1.73m2", r"\text{mL/min/1.73m2}"),
        ("um/s", r"\mathrm{\mu m\,s^{-1}}"),
        ("%", r"\mathrm{\%}"),
        ("nM^0.5", r"\mathrm{nM^{1/2}}"),
    ],
)
def test_units_in_latex(unit, latex):
    assert unit_latex(unit) == latex


@pytest.mark.parametrize(
    "unit", ["L/h", "nM/h", "1/h", "mg", "mg/L", "1/(nM h)", "nmol", "um/h", "nM^(1/2)", "kDa", ""]
)
def test_readable_units_have_the_dimension(unit):
    powers = dimension(unit)
    shown = readable_unit(powers)
    assert dimension(shown) == powers
    assert len(shown) <= 20
    assert re.fullmatch(r"[A-Za-z0-9 /^().]*", shown)
