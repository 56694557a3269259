"""Every registered exercise accepts its reference, knows its mistakes and rejects garbage."""

import numpy as np
import pytest

from rnncore.exercises import judge, registry
from rnncore.exercises.grading import SEED
from rnncore.exercises.model import parts

EXERCISES = list(registry().values())
MISTAKES = [(e, m) for e in EXERCISES for m in e.mistakes]


def _raise(*_):
    raise RuntimeError("garbage")


GARBAGE = {
    "a word": "seventeen and a half",
    "an object": object(),
    "NaN": float("nan"),
    "an array of an odd shape": np.full((7, 11, 3), 0.123),
    "a ragged list": [[1.0], [2.0, 3.0]],
    "an empty list": [],
    "a mapping": {"garbage": 1.0},
    "a function that raises": _raise,
    "a function that returns nothing": lambda *_: None,
    "a function of no arguments": lambda: 0.0,
    "a function that returns NaN": lambda *_: np.nan,
    "a function that returns its arguments": lambda *a: a,
    "a function that returns text": lambda *_: "garbage",
}


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda e: e.id)
def test_the_reference_is_right(exercise):
    verdict = judge(exercise, exercise.reference)
    assert verdict.right and verdict.line == f"{exercise.id} right"


@pytest.mark.parametrize(
    "exercise, mistake", MISTAKES, ids=[f"{e.id} {m.name}" for e, m in MISTAKES]
)
def test_each_usual_mistake_gets_its_own_hint(exercise, mistake):
    verdict = judge(exercise, mistake.wrong)
    assert not verdict.right
    assert f"{mistake.name}. Hint: {mistake.hint}" in verdict.line


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda e: e.id)
@pytest.mark.parametrize("garbage", GARBAGE)
def test_garbage_is_never_right(exercise, garbage):
    verdict = judge(exercise, GARBAGE[garbage])
    assert not verdict.right
    assert verdict.line.startswith(f"{exercise.id} not yet: ")
    assert "\n" not in verdict.line and " 0x" not in verdict.line


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda e: e.id)
def test_the_cases_of_a_function_are_alive(exercise):
    """No reference result is zero, and no two cases have the same one."""
    if exercise.kind != "function":
        pytest.skip("one value, no cases")
    results = [
        parts(exercise.reference(*exercise.inputs(np.random.default_rng([SEED, k]))))
        for k in range(exercise.cases)
    ]
    for first, second in zip(results, results[1:], strict=False):
        for name in first:
            assert first[name].any()
            same_shape = first[name].shape == second[name].shape
            assert not (same_shape and np.array_equal(first[name], second[name]))


def test_a_chapter_names_a_usual_mistake_for_each_exercise():
    assert all(exercise.mistakes for exercise in EXERCISES)
