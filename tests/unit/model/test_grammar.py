"""The grammar: precedence, units, errors with their place, limits, round trips.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from krogh.errors import SpecError, UnitError
from krogh.model.expression import MAX_LENGTH, Call, Number, Operation, Symbol
from krogh.model.grammar import MAX_NESTING, parse
from krogh.model.notation import to_html, to_latex


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("a+b*c", "a + (b*c)"),
        ("a-b-c", "(a - b) - c"),
        ("a/b/c", "(a/b)/c"),
        ("a/b*c", "(a/b)*c"),
        ("-a^2", "-(a^2)"),
        ("-a*b", "(-a)*b"),
        ("a^b^c", "a^(b^c)"),
        ("a**b", "a^b"),
        ("a^-b", "a^(-b)"),
        ("2^-x^2", "2^(-(x^2))"),
        ("+a", "a"),
        ("--a", "-(-a)"),
        ("a < b and c < d or e < f", "((a < b) and (c < d)) or (e < f)"),
        ("not a < b and c < d", "(not (a < b)) and (c < d)"),
        ("a + b < c * d", "(a + b) < (c*d)"),
        ("and_ + nota", "and_ + (nota)"),
        ("1e3", "1000"),
        (".5", "0.5"),
        ("2.", "2"),
        ("5 [ nM ]", "5[nM]"),
        ("1/2[h]", "1/(2[h])"),
        ("5[nM]^2", "(5[nM])^2"),
        ("a.b*c", "(a.b)*c"),
        ("\ta\n+ b\r", "a + b"),
    ],
)
def test_precedence(text, same):
    assert parse(text) == parse(same)


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("kon * C*(S / eps)-koff*B", "kon*C*(S/eps) - koff*B"),
        ("(a*b)*c", "a*b*c"),
        ("a*(b*c)", "a*(b*c)"),
        ("(a+b)+c", "a + b + c"),
        ("a-(b+c)", "a - (b + c)"),
        ("(-a)^2", "(-a)^2"),
        ("(a^b)^c", "(a^b)^c"),
        ("a^(b^c)", "a^b^c"),
        ("a^(b*c)", "a^(b*c)"),
        ("-(a*b)", "-(a*b)"),
        ("(a<b) and (c<d and e<f)", "a < b and c < d and e < f"),
        ("not (a<b and c<d)", "not (a < b and c < d)"),
        ("min( a,b , 3 )", "min(a, b, 3)"),
        ("0.0000001", "1e-07"),
    ],
)
def test_printing_uses_no_more_parentheses_than_needed(text, printed):
    assert str(parse(text)) == printed
    assert parse(printed) == parse(text)


@pytest.mark.parametrize(
    ("text", "code", "part", "marked"),
    [
        ("a+", "KG-105", "ends where a value must follow", "    ^"),
        ("", "KG-105", "empty", None),
        ("   ", "KG-105", "empty", None),
        ("2x", "KG-105", "operator such as * is missing", "   ^"),
        ("a b", "KG-105", "operator such as * is missing", "    ^"),
        ("C > 5 nM", "KG-105", "a unit in brackets: 5[nM]", "        ^^"),
        ("3.6mg", "KG-105", "a unit in brackets: 3.6[mg]", "     ^^"),
        ("(a+b", "KG-105", "'(' is not closed", "  ^"),
        ("a+b)", "KG-105", "')' has no '('", "     ^"),
        ("a, b", "KG-105", "comma separates arguments", "   ^"),
        ("a<b<c", "KG-105", "cannot be chained", "     ^"),
        ("5[nM", "KG-105", "']' is missing", "   ^^^"),
        ("5[]", "KG-105", "the unit is empty", "   ^^"),
        ("[nM]", "KG-105", "behind a number", "   ^^"),
        ("C[nM]", "KG-105", "behind a number", "    ^^"),
        ("5[nMM]", "KG-120", "Did you mean 'nm'", "    ^^^"),
        ("1e999", "KG-105", "beyond double precision", "  ^^^^^"),
        ("a \u00d7 b", "KG-105", "write *", "    ^"),
        ("a \u2212 b", "KG-105", "write -", "    ^"),
        ("a\u00b2", "KG-105", "write ^2", "   ^"),
        ("a & b", "KG-105", "write 'and'", "    ^"),
        ("a = b", "KG-105", "write '=='", "    ^"),
        ("a ? b : c", "KG-105", "if(condition, a, b)", "    ^"),
        ("a % b", "KG-105", "5[%]", "    ^"),
        ("a; b", "KG-105", "one expression", "   ^"),
        ("\u00b5 + 1", "KG-105", "not expected", "  ^"),
        ("a\x00", "KG-105", "not expected", "   ^"),
        ("a\x0b", "KG-105", "not expected", "   ^"),
        ("a and b", "KG-106", "'a' is a number", "  ^"),
        ("(a<b) + 1", "KG-106", "true or false", "  ^^^^^"),
        ("exp(a<b)", "KG-106", "true or false", "      ^"),
        ("if(a, b, c)", "KG-106", "is a number", "     ^"),
        ("if + 1", "KG-105", "write if(condition, a, b)", "  ^^"),
        ("exp()", "KG-107", "exp takes 1 argument", "  ^^^"),
        ("exp(1, 2)", "KG-107", "not 2", "  ^^^"),
        ("hil(a, b, c)", "KG-107", "Did you mean 'hill'", "  ^^^"),
        ("t(3)", "KG-107", "not a function", "  ^"),
        ("a + not b < c", "KG-105", "parentheses around 'not", "      ^^^"),
        ("*a", "KG-105", "a value must stand before '*'", "  ^"),
        ("a + and", "KG-105", "a value must stand before 'and'", "      ^^^"),
        ("a" * 101, "KG-104", "at most 100 characters", None),
    ],
)
def test_errors_name_the_place(text, code, part, marked):
    with pytest.raises((SpecError, UnitError)) as caught:
        parse(text)
    assert caught.value.code == code
    assert str(caught.value).startswith(f"{code}: ")
    assert part in str(caught.value)
    if marked is not None:
        assert str(caught.value).splitlines()[-1] == marked


def test_long_texts_show_a_window_around_the_place():
    text = "a + " * 200 + "$"
    with pytest.raises(SpecError) as caught:
        parse(text)
    assert max(map(len, str(caught.value).splitlines())) < 160


def test_text_that_is_too_long_is_refused():
    with pytest.raises(SpecError, match=f"at most {MAX_LENGTH}"):
        parse("1+" * MAX_LENGTH + "1")
    with pytest.raises(SpecError, match="when printed"):
        parse("a<b" + " and a<b" * 2400)  # prints longer than it reads


@pytest.mark.parametrize("opening", ["(", "-", "exp(", "a^", "not ", "((a)+", "if(a<b,a,", "2*(a-"])
def test_deep_nesting_is_refused_not_a_crash(opening):
    with pytest.raises(SpecError, match="nested deeper than"):
        parse(opening * (MAX_NESTING + 5) + "a")


def test_permitted_nesting_is_read_from_a_deep_stack():
    text = "(" * (MAX_NESTING - 1) + "a" + ")" * (MAX_NESTING - 1)

    def descend(levels: int):
        return parse(text + f" + x{levels}") if levels == 0 else descend(levels - 1)

    assert descend(200) == parse("a + x0")

    def exhaust(levels: int):
        if levels:
            return exhaust(levels - 1)
        with pytest.raises(SpecError, match="for the stack that is left"):
            parse(text + " + y")
        return None

    frame, used = sys._getframe(), 0
    while frame is not None:
        frame, used = frame.f_back, used + 1
    exhaust(sys.getrecursionlimit() - used - 60)


def test_only_text_is_parsed():
    with pytest.raises(SpecError, match="is text, not int"):
        parse(5)


def test_functions_and_components_may_share_a_name():
    assert parse("hill*x + hill(x, k, hill)").args[0] == parse("hill*x")


# --- properties -----------------------------------------------------------------------------------

names = st.sampled_from(["a", "b", "kon", "V1", "drug.C", "_x", "t", "pi", "hill"]).map(Symbol)
numbers = st.builds(
    Number,
    st.floats(min_value=0, max_value=1e300, allow_nan=False),
    st.sampled_from([None, "nM", "1/h", "mL/min/1.73m2", "%", "nM^0.5"]),
)


@st.composite
def expressions(draw, levels=4):
    """Draw a numeric expression."""

    def condition(left):
        if left > 0 and draw(st.integers(0, 3)) == 0:
            op = draw(st.sampled_from(["and", "or", "not"]))
            return Operation(op, *(condition(left - 1) for _ in range(1 if op == "not" else 2)))
        op = draw(st.sampled_from(["lt", "le", "gt", "ge", "eq", "ne"]))
        return Operation(op, value(left - 1), value(left - 1))

    def value(left):
        choice = draw(st.integers(0, 9 if left > 0 else 1))
        if choice == 0:
            return draw(names)
        if choice == 1:
            return draw(numbers)
        if choice <= 5:
            op = draw(st.sampled_from(["add", "sub", "mul", "div", "pow"]))
            return Operation(op, value(left - 1), value(left - 1))
        if choice == 6:
            return Operation("neg", value(left - 1))
        if choice == 9:
            return Call("if", condition(left - 1), value(left - 1), value(left - 1))
        name, count = draw(st.sampled_from([("exp", 1), ("table_1", 1), ("max", 2), ("hill", 3)]))
        return Call(name, *(value(left - 1) for _ in range(count)))

    return value(levels)


@given(expressions())
@settings(max_examples=300, deadline=None)
def test_printed_expressions_read_back_equal(tree):
    text = str(tree)
    assert parse(text) == tree
    assert str(parse(text)) == text


@given(expressions())
@settings(max_examples=100, deadline=None)
def test_latex_and_html_are_balanced(tree):
    latex = to_latex(tree)
    assert latex.count("{") == latex.count("}")
    assert latex.count(r"\left") == latex.count(r"\right")
    html = to_html(tree)
    assert html.count("<sub>") == html.count("</sub>")
    assert html.count("<sup>") == html.count("</sup>")


@given(expressions())
@settings(max_examples=150, deadline=None)
def test_no_pair_of_parentheses_can_be_left_out(tree):
    """Removing any pair changes the tree or breaks the syntax, calls aside."""
    text = str(tree)
    stack = []
    for at, char in enumerate(text):
        if char == "(":
            stack.append(at)
        elif char == ")":
            start = stack.pop()
            if start > 0 and (text[start - 1].isalnum() or text[start - 1] in "_"):
                is_call = not text[:start].endswith(("and", "or", "not"))
                if is_call:
                    continue
            shorter = text[:start] + " " + text[start + 1 : at] + " " + text[at + 1 :]
            try:
                assert parse(shorter) != tree, (text, shorter)
            except (SpecError, UnitError):
                continue


@given(st.text(max_size=60))
@settings(max_examples=300, deadline=None)
def test_any_text_gives_an_expression_or_a_krogh_error(text):
    try:
        parse(text)
    except (SpecError, UnitError) as error:
        assert error.code.startswith("KG-1")  # noqa: PT017
