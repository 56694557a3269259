"""Every way in which settling an entry must succeed, and every way in which it must fail."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from numpy.testing import assert_equal

from rnncore.ledger import (
    MIME,
    SettleError,
    agrees,
    catalogue,
    differs,
    judge,
    measured,
    misshapen,
    relative_error,
    settle,
)
from rnncore.ledger.evidence import as_arrays, number, tolerance

TRUTH = np.array([[1.0, -2.0, 0.5], [0.0, 4.0, -1.0], [0.25, 1.0, 2.0]])
WRONG = TRUTH[::-1].copy()
LIVE = measured("a quantity", 1.0, below=2.0, control=3.0)


def fails(match, *args, **kwargs):
    with pytest.raises(SettleError, match=match):
        judge(*args, **kwargs)


# -- formulas -------------------------------------------------------------------------------


def test_formula_that_holds():
    result = judge("B.e9", printed=TRUTH * (1 + 1e-15), truth=TRUTH, control=WRONG)
    assert result.verdict == "holds"
    assert result.line == (
        "B.e9  holds: printed formula agrees to 1e-12 (9 entries), control off by 0.75"
    )
    assert result.record["evidence"][0]["margin"] == 0.05


def test_formula_that_is_wrong():
    result = judge("D.e17", printed=WRONG, corrected=TRUTH + 0, truth=TRUTH)
    assert result.verdict == "corrected"
    assert result.line == (
        "D.e17  corrected: printed formula off by 0.75; corrected one agrees to 1e-12 (9 entries)"
    )


def test_square_transpose_is_named():
    result = judge("D.e14", printed=TRUTH.T.copy(), corrected=TRUTH + 0, truth=TRUTH)
    assert "its transpose agrees to 1e-12" in result.line


def test_wrong_shape_with_the_right_transpose():
    truth = TRUTH[:2]
    result = judge(
        "D.e16", printed=truth.T.copy(), corrected=truth + 0, truth=truth, wrong_shape=True
    )
    assert "shape (3, 2), not (2, 3); its transpose agrees to 1e-12" in result.line
    assert result.record["evidence"][0]["transpose"] == "agrees"


def test_wrong_shape_with_a_wrong_transpose():
    truth = TRUTH[:2]
    result = judge("D.e16", printed=-truth.T, corrected=truth + 0, truth=truth, wrong_shape=True)
    assert "its transpose is off by 2.0" in result.line


def test_wrong_shape_of_another_size_needs_a_control():
    arguments = dict(printed=np.ones(4), corrected=TRUTH + 0, truth=TRUTH, wrong_shape=True)
    fails("give a control", "D.e16", **arguments)
    assert judge("D.e16", control=WRONG, **arguments).verdict == "corrected"


def test_named_arrays_are_compared_name_by_name():
    truth = {"big": 1e6 * TRUTH, "small": 1e-6 * TRUTH}
    spoiled = {"big": 1e6 * TRUTH, "small": 1.1e-6 * TRUTH}
    fails("off by 0.1", "B.e9", printed=spoiled, truth=truth, control=truth)
    wrong = {"big": 1e6 * TRUTH, "small": -1e-6 * TRUTH}
    assert "(18 entries)" in judge("B.e9", printed=dict(truth), truth=truth, control=wrong).line


def test_fractions_and_integers_compare_exactly():
    thirds = [Fraction(1, 3), Fraction(2, 3)]
    result = judge("D.e4", printed=thirds, truth=[1 / 3, 2 / 3], control=[1, 2], tol=0)
    assert "agrees to the last digit" in result.line


def test_complex_values():
    truth = TRUTH + 1j * WRONG
    assert judge("E.e8", printed=truth + 0, truth=truth, control=truth.conj()).verdict == "holds"
    fails("off by", "E.e8", printed=truth.conj(), truth=truth, control=-truth)


@pytest.mark.parametrize(
    ("match", "arguments"),
    [
        ("off by 0.75", dict(printed=WRONG, truth=TRUTH, control=-TRUTH)),
        ("control is off by 0 only", dict(printed=TRUTH + 0, truth=TRUTH, control=TRUTH + 0)),
        ("control is off by 0.001", dict(printed=TRUTH + 0, truth=TRUTH, control=1.001 * TRUTH)),
        ("needs a control", dict(printed=TRUTH + 0, truth=TRUTH)),
        ("needs truth", dict(printed=TRUTH, control=WRONG)),
        ("needs printed", dict(truth=TRUTH, control=WRONG)),
        ("needs printed", dict(wrong_shape=True)),
        ("same object", dict(printed=TRUTH, truth=TRUTH, control=WRONG)),
        ("same object", dict(printed=TRUTH.T, truth=TRUTH, control=WRONG)),
        ("same object", dict(printed=WRONG, corrected=TRUTH, truth=TRUTH)),
        ("off by 0 only", dict(printed=TRUTH + 0, corrected=TRUTH + 0, truth=TRUTH)),
        ("corrected one is off by 2", dict(printed=WRONG, corrected=-TRUTH, truth=TRUTH)),
        ("zero everywhere", dict(printed=0 * TRUTH, truth=0 * TRUTH, control=WRONG)),
        ("not finite", dict(printed=TRUTH * np.nan, truth=TRUTH, control=WRONG)),
        ("not finite", dict(printed=TRUTH + 0, truth=TRUTH + np.inf, control=WRONG)),
        ("not finite", dict(printed=TRUTH + 0, truth=TRUTH, control=TRUTH * np.nan)),
        ("not finite", dict(printed=WRONG * np.nan, corrected=TRUTH + 0, truth=TRUTH)),
        ("no entries", dict(printed=[], truth=[], control=[])),
        ("is empty", dict(printed={}, truth={}, control={})),
        ("not numeric", dict(printed="x", truth="x", control="y")),
        ("not numeric", dict(printed=[{}], truth=[1], control=[2])),
        ("shape", dict(printed=WRONG[:2], truth=TRUTH, control=WRONG)),
        ("shape", dict(printed=1.0, truth=TRUTH, control=WRONG)),
        ("shape", dict(printed=TRUTH + 0, truth=TRUTH, control=1.0)),
        ("shape", dict(printed=WRONG[:2], corrected=TRUTH + 0, truth=TRUTH)),
        ("names", dict(printed={"a": TRUTH}, truth={"b": TRUTH}, control={"b": WRONG})),
        (r"\['a'\] has shape", dict(printed={"a": 1}, truth={"a": TRUTH}, control={"a": WRONG})),
        (r"\['a'\] is zero", dict(printed={"a": [0]}, truth={"a": [0]}, control={"a": [1]})),
        ("leave out", dict(printed=WRONG, corrected=TRUTH + 0, truth=TRUTH, wrong_shape=True)),
        ("goes with", dict(printed=WRONG, truth=TRUTH, control=WRONG, wrong_shape=True)),
        (
            "single arrays",
            dict(printed={"a": 1}, corrected=1.0, truth=1.0, control=2.0, wrong_shape=True),
        ),
        ("tol must", dict(printed=TRUTH + 0, truth=TRUTH, control=WRONG, tol=0.1)),
        ("tol must", dict(printed=TRUTH + 0, truth=TRUTH, control=WRONG, tol=-1)),
        ("margin must", dict(printed=TRUTH + 0, truth=TRUTH, control=WRONG, margin=0)),
        (
            "margin must",
            dict(printed=TRUTH + 0, truth=TRUTH, control=WRONG, tol=1e-4, margin=1e-4),
        ),
    ],
)
def test_formula_that_must_fail(match, arguments):
    fails(match, "D.e17", **arguments)


def test_the_error_names_the_entry():
    fails(r"^D\.e17: ", "D.e17", printed=WRONG, truth=TRUTH, control=WRONG)


# -- claims ---------------------------------------------------------------------------------


@pytest.mark.parametrize("verdict", ["holds", "holds in part", "false"])
def test_claim(verdict):
    result = judge("A.c18", verdict=verdict, evidence=[LIVE], because="A reason.")
    assert result.line == f"A.c18  {verdict}: A reason. a quantity: 1.0 (below 2; control: 3.0)"


def test_formula_with_a_case_where_it_fails():
    result = judge(
        "D.e7",
        printed=TRUTH + 0,
        truth=TRUTH,
        control=WRONG,
        evidence=[differs("with a softmax", WRONG, TRUTH)],
        verdict="holds in part",
        because="True for element-wise functions only.",
    )
    assert [piece["kind"] for piece in result.record["evidence"]] == ["agrees", "differs"]


def test_citation():
    result = judge(
        "A.c1", verdict="false", citation=["williams1989learning"], because="Others were first."
    )
    assert result.line.endswith("settled by citation: williams1989learning")


@pytest.mark.parametrize(
    ("match", "entry", "arguments"),
    [
        ("not an entry", "A.c99", dict(verdict="holds", evidence=[LIVE])),
        ("nothing is checked", "A.c18", dict(verdict="holds")),
        ("nothing is checked", "A.c1", dict(verdict="holds")),
        ("must be one of", "A.c18", dict(evidence=[LIVE])),
        ("must be one of", "A.c18", dict(verdict="true", evidence=[LIVE])),
        ("needs a reason", "A.c18", dict(verdict="false", evidence=[LIVE])),
        ("needs a reason", "A.c18", dict(verdict="holds in part", evidence=[LIVE], because=" ")),
        ("one line", "A.c18", dict(verdict="holds", evidence=[LIVE], because="a\nb")),
        ("must come from", "A.c18", dict(verdict="holds", evidence=["seen"])),
        ("does not let a citation", "A.c18", dict(verdict="holds", citation=["mozer1989focused"])),
        ("list of keys", "A.c1", dict(verdict="holds", citation="mozer1989focused")),
        ("no key", "A.c1", dict(verdict="holds", citation=["Mozer (1989)"])),
        (
            "needs evidence of the kind",
            "A.c18",
            dict(verdict="holds", evidence=[differs("it", WRONG, TRUTH)]),
        ),
        ("needs evidence of the kind", "D.e9", dict(verdict="corrected", evidence=[LIVE])),
        (
            "corrected form",
            "D.e9",
            dict(verdict="corrected", evidence=[differs("it", WRONG, TRUTH)]),
        ),
        (
            "contradicts",
            "D.e9",
            dict(verdict="holds", evidence=[LIVE, differs("it", WRONG, TRUTH)]),
        ),
    ],
)
def test_claim_that_must_fail(match, entry, arguments):
    fails(match, entry, **arguments)


# -- evidence -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bound", "value", "control"),
    [
        (dict(below=2), 1.0, 2.0),
        (dict(above=0.9), 1.0, 0.5),
        (dict(between=(-1, 1)), 0.0, -3),
        (dict(between=(1.8, 2.2)), np.float64(2.0), np.int64(4)),
    ],
)
def test_measured(bound, value, control):
    assert measured("it", value, control=control, **bound).record["kind"] == "measured"


@pytest.mark.parametrize(
    ("match", "value", "arguments"),
    [
        ("must be below 2", 2.0, dict(below=2.0, control=3.0)),
        ("must be above 2", 2.0, dict(above=2.0, control=1.0)),
        ("must be between", 3.0, dict(between=(1, 2), control=5.0)),
        ("controls nothing", 1.0, dict(below=2.0, control=1.5)),
        ("exactly one", 1.0, dict(control=1.0)),
        ("exactly one", 1.0, dict(below=2.0, above=0.0, control=3.0)),
        ("value is nan", np.nan, dict(below=2.0, control=3.0)),
        ("control is inf", 1.0, dict(below=2.0, control=np.inf)),
        ("empty or no bound", 1.0, dict(between=(2, 1), control=3.0)),
        ("empty or no bound", 1.0, dict(below=np.inf, control=3.0)),
        ("empty or no bound", 1.0, dict(above=np.nan, control=3.0)),
        ("real number", 1j, dict(below=2.0, control=3.0)),
        ("real number", True, dict(below=2.0, control=3.0)),
        ("real number", np.ones(2), dict(below=2.0, control=3.0)),
        ("real number", 1.0, dict(below=2.0, control="3")),
    ],
)
def test_measured_that_must_fail(match, value, arguments):
    with pytest.raises(SettleError, match=match):
        measured("it", value, **arguments)


def test_measured_needs_a_control():
    with pytest.raises(TypeError, match="control"):
        measured("it", 1.0, below=2.0)


def test_what_depends_on_the_machine_is_not_shown():
    quiet = measured("time per step", 1.234, below=2, control=9.1, versus="BPTT", show=False)
    assert quiet.line == "time per step: below 2 (BPTT is not)"
    assert "1.2" not in str(quiet.record)
    noise = measured("difference", 3.1e-16, below=1e-12, control=0.4)
    assert noise.line == "difference: below 1e-12 (control: 0.40)"
    assert "3.1" not in str(noise.record)


def test_agrees_and_misshapen_alone():
    assert agrees("it", 2.0, 2.0, control=1.0).line.startswith("it agrees to 1e-12 (1 entry)")
    assert misshapen("it", np.ones(2), TRUTH).line == "it has shape (2,), not (3, 3)"
    with pytest.raises(SettleError, match="exceed"):
        differs("it", 1.0001 * TRUTH, TRUTH)


def test_relative_error_is_relative_to_the_largest_entry():
    assert_equal(relative_error([1.0, 3.0], [2.0, 4.0]), 0.25)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.8333, "0.83"), (0.999, "1.0"), (12345.6, "12000"), (10**7, "10000000"), (0.0, "0")],
)
def test_number(value, text):
    assert number(value) == text


@pytest.mark.parametrize(
    ("tol", "text"), [(1e-12, "1e-12"), (2.5e-8, "2.5e-8"), (1e-3, "0.001"), (0, "the last digit")]
)
def test_tolerance(tol, text):
    assert tolerance(tol) == text


def test_nothing_is_mutated():
    value = np.arange(3)
    assert as_arrays(value, "it")[""].dtype == float
    assert value.dtype.kind == "i"


# -- display --------------------------------------------------------------------------------


def test_bundle_escapes_and_anchors():
    result = judge("A.c18", verdict="false", evidence=[LIVE], because="a < b & c")
    bundle = result._repr_mimebundle_()
    assert 'id="settle-A-c18"' in bundle["text/html"]
    assert "a &lt; b &amp; c" in bundle["text/html"]
    assert "settle-false" in bundle["text/html"]
    assert bundle["text/plain"] == repr(result)
    assert bundle[MIME] == result.record


def test_settle_prints_outside_a_notebook(capsys):
    assert settle("D.e8", printed=0.5, truth=0.7 - 0.2, control=-0.5) is None
    assert capsys.readouterr().out.startswith("D.e8  holds: ")


def test_settle_displays_in_a_notebook():
    shell = pytest.importorskip("IPython.core.interactiveshell")
    io = pytest.importorskip("IPython.utils.capture")
    shell.InteractiveShell.instance()
    try:
        with io.capture_output() as seen:
            settle("D.e8", printed=0.5, truth=0.7 - 0.2, control=-0.5)
    finally:
        shell.InteractiveShell.clear_instance()
    assert seen.outputs[0].data[MIME]["id"] == "D.e8"


# -- catalogue ------------------------------------------------------------------------------


def test_catalogue_is_complete():
    counts: dict[str, int] = {}
    for entry in catalogue().values():
        counts[entry.source + entry.id[2]] = counts.get(entry.source + entry.id[2], 0) + 1
        assert entry.says and entry.check
        assert entry.kind in ("equation", "algorithm", "task", "claim")
        assert not (entry.says + entry.right).count("$") % 2
    assert sum(counts.values()) == len(set(catalogue())) == 153
    assert counts == {
        "Ae": 17, "Ac": 23, "Be": 11, "Ba": 3, "Bc": 10, "Ct": 6, "Ca": 8, "Ce": 2,
        "Cc": 10, "De": 23, "Da": 5, "Dc": 10, "Ee": 10, "Ea": 3, "Ec": 12,
    }  # fmt: skip
    assert sorted(catalogue().chapters) == list(range(1, 29))


@pytest.mark.parametrize(
    ("match", "entry"),
    [
        ("missing or unknown", {"says": "x", "check": "y"}),
        ("missing or unknown", {"says": "x", "check": "y", "chapter": 1, "odd": 2}),
        ("names chapter 9", {"says": "x", "check": "y", "chapter": 9}),
    ],
)
def test_broken_catalogue(match, entry):
    from rnncore.ledger import Catalogue

    data = {
        "sources": {},
        "chapters": {"1": {"title": "t", "part": "I"}},
        "entries": {"A.e1": entry},
    }
    with pytest.raises(ValueError, match=match):
        Catalogue(data)
    with pytest.raises(ValueError, match="expected an id"):
        Catalogue({**data, "entries": {"F.x1": entry}})
