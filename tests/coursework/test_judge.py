"""A student's values against the reference."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from coursework.judge import difference, judge, lost
from coursework.questions import Mistake, Part, Question
from coursework.values import encode
from tests.coursework import stored


def at_rest(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    return [(rng.normal(size=3), np.zeros(3), 0.3) for _ in range(2)]


def moving(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    return [(rng.normal(size=3), rng.normal(size=3), 0.3) for _ in range(2)]


QUESTION = Question(
    "leak",
    "leak",
    stored.leak,
    (Part("rest", 1, at_rest), Part("motion", 3, moving)),
    mistakes=(Mistake("a unit without memory", stored.without_memory),),
)
CASES = QUESTION.cases([7])


def given(function: stored.Function) -> list[dict[str, Any]]:
    return stored.report(function, [case for part in CASES for case in part])


def test_right_values_get_all_points() -> None:
    mark = judge(QUESTION, CASES, given(stored.leak))
    assert (mark.points, mark.out_of) == (4, 4)
    assert mark.lines[0] == "1 of 1 points: right for rest."


def test_each_part_has_its_own_points_and_the_mistake_has_its_name() -> None:
    mark = judge(QUESTION, CASES, given(stored.without_memory))
    assert (mark.points, len(mark.lines)) == (1, 2)
    assert mark.lines[1].endswith("Your values are those of a unit without memory.")


def test_a_mistake_is_named_only_if_all_values_are_its() -> None:
    results = given(stored.without_memory)
    results[-1] = {"value": encode(np.zeros(3))}
    assert "without memory" not in judge(QUESTION, CASES, results).lines[1]


def test_one_wrong_case_costs_the_part() -> None:
    results = given(stored.leak)
    results[3] = {"value": encode(np.zeros(3))}
    assert judge(QUESTION, CASES, results).points == 1


@pytest.mark.parametrize("results", [None, [], [{"value": 1}] * 3, [{"value": 1}] * 5])
def test_a_report_of_another_length_is_none(results: Any) -> None:
    mark = judge(QUESTION, CASES, results)
    assert mark.points == 0 and "did not report" in mark.lines[0]


@pytest.mark.parametrize(
    "result",
    [
        None,
        3,
        [],
        {},
        {"error": None},
        {"error": {"a": "\ud800"}},
        {"value": {"array": [1], "dtype": "O", "shape": [1]}},
        {"value": {"array": [1], "dtype": "(1000000000,)f8", "shape": [1]}},
        {"value": {"array": [1], "dtype": "f8", "shape": [10**30]}},
        {"value": {"dict": {"a": 1}}},
        {"value": {"dict": [[[], 1]]}},
        {"value": {"tuple": 3}},
        {"value": {"list": [{"list": [1, 2]}, 3]}},
        {"value": 10**400},
        {"value": {"list": [10**400] * 3}},
        {"value": "0.1"},
        {"value": None},
        {"value": [1.0]},
    ],
)
def test_no_form_of_a_result_stops_the_judge(result: Any) -> None:
    mark = judge(QUESTION, CASES, [*given(stored.leak)[:3], result])
    assert mark.points == 1
    "\n".join(mark.lines).encode()  # can be written


def test_no_depth_of_a_result_stops_the_judge() -> None:
    deep: Any = 1.0
    for _ in range(3000):
        deep = {"list": [deep]}
    assert judge(QUESTION, CASES, [*given(stored.leak)[:3], {"value": deep}]).points == 1


def test_a_wrong_reference_is_not_the_students_fault() -> None:
    broken = Question("q", "f", lambda *a: 1 / 0, QUESTION.parts)
    with pytest.raises(ZeroDivisionError):
        judge(broken, CASES, given(stored.leak))


def test_lost_says_why() -> None:
    assert lost(QUESTION, "no kernel.").lines == ("0 of 4 points: no kernel.",)


WANT = np.array([1.0, 2.0])


@pytest.mark.parametrize(
    ("got", "says"),
    [
        (WANT, None),
        (WANT + 1e-9, None),
        (WANT + 1e-7, "wrong values"),
        ([1.0, 2.0], None),
        ((1, 2), None),
        (np.array([1, 2], np.int32), None),
        (WANT[None], "has (1, 2)"),
        (1.0, "shape (2,), and has ()"),
        (np.array([1.0, np.nan]), "not finite"),
        (np.array([1.0, np.inf]), "not finite"),
        ("12", "number or an array"),
        (None, "number or an array"),
        ({"a": 1}, "number or an array"),
        ([[1.0], 2.0], "array of numbers"),
    ],
)
def test_difference_of_arrays(got: Any, says: str | None) -> None:
    reason = difference(got, WANT, 1e-8)
    assert (reason is None) if says is None else (says in str(reason))


def test_tolerance_is_relative_to_the_largest_entry() -> None:
    want = np.array([1e6, 1.0])
    assert difference(want + [0, 1e-3], want, 1e-8) is None
    assert difference(want + [0, 1e-1], want, 1e-8) is not None


def test_float32_is_not_exact_enough() -> None:
    want = np.array([0.7])
    assert difference(want.astype(np.float32), want, 1e-8) is not None


def test_dictionaries_and_tuples_say_where() -> None:
    want = {"loss": 1.0, "grads": (np.zeros(2), np.ones(2))}
    assert difference({"loss": 1.0, "grads": [np.zeros(2), np.ones(2)]}, want, 1e-8) is None
    assert "keys ['grads', 'loss']" in str(difference({"loss": 1.0}, want, 1e-8))
    assert "be a dictionary" in str(difference([1.0], want, 1e-8))
    wrong = {"loss": 1.0, "grads": (np.zeros(2), np.zeros(2))}
    assert "['grads'][1] has the right shape" in str(difference(wrong, want, 1e-8))
    assert "2 values" in str(difference({"loss": 1.0, "grads": (1,)}, want, 1e-8))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"parts": ()}, "parts"),
        ({"function": "no name"}, "function"),
        ({"tolerance": 0}, "tolerance"),
        ({"tolerance": 1}, "tolerance"),
    ],
)
def test_a_question_refuses_nonsense_by_name(change: dict[str, Any], named: str) -> None:
    good: dict[str, Any] = {"id": "q", "function": "f", "truth": len, "parts": QUESTION.parts}
    with pytest.raises(ValueError, match=f"^{named}:"):
        Question(**(good | change))


def test_a_part_refuses_no_points() -> None:
    with pytest.raises(ValueError, match="^points:"):
        Part("p", 0, at_rest)


def test_hidden_inputs_follow_the_seed_and_the_question() -> None:
    assert np.array_equal(QUESTION.cases([7])[0][0][0], CASES[0][0][0])
    assert not np.array_equal(QUESTION.cases([8])[0][0][0], CASES[0][0][0])
    other = Question("other", "leak", stored.leak, QUESTION.parts)
    assert not np.array_equal(other.cases([7])[0][0][0], CASES[0][0][0])
