"""The judge: what it says to right, wrong, broken and odd answers."""

import warnings
from fractions import Fraction

import numpy as np
import pytest

from rnncore import exercises
from rnncore.exercises import Exercise, Mistake, check, grade, judge
from rnncore.exercises._registry import add


def value(reference, **options):
    return Exercise(id="ch1.1", prompt="?", kind="value", reference=reference, **options)


def array(reference, **options):
    return Exercise(id="ch1.1", prompt="?", kind="array", reference=reference, **options)


def matrices(rng):
    return rng.normal(size=(2, 3)), rng.normal(size=(3, 4))


def function(reference=lambda a, b: a @ b, inputs=matrices, **options):
    return Exercise(
        id="ch1.1", prompt="?", kind="function", reference=reference, inputs=inputs, **options
    )


def line(exercise, answer):
    verdict = judge(exercise, answer)
    assert verdict.right == (verdict.line == "ch1.1 right")
    return verdict.line.removeprefix("ch1.1 ")


def test_values():
    half = value(0.5, mistakes=[Mistake("twice too much", 1.0, "Halve it.")], hint="Think.")
    assert line(half, 0.5) == line(half, 0.5001) == line(half, [0.5]) == "right"
    assert line(half, 1) == "not yet: your answer is twice too much. Hint: Halve it."
    assert line(half, 0.6) == "not yet: your answer is too large. Hint: Think."
    assert line(half, 0.2) == "not yet: your answer is too small. Hint: Think."
    assert line(half, -0.5) == "not yet: your answer has the wrong sign. Hint: Think."
    assert "NaN" in line(half, np.nan) and "infinity" in line(half, np.inf)
    assert "complex" in line(half, 0.5j)
    assert "should be real numbers, and it is text" in line(half, "0.5")
    assert "True or False" in line(half, True)
    assert "dtype object" in line(half, object())
    assert "Hint: call it" in line(half, lambda: 0.5)
    assert "shape (2,), expected ()" in line(half, [0.5, 0.5])
    assert "is empty" in line(half, [])
    assert line(value(0.0), 0.0) == "right" and line(value(0.0), 0.1) != "right"
    assert line(value(2j), 2j) == "right" and "differs" in line(value(2j), 1.0)


def test_counts_must_be_exact():
    assert line(value(5000), 5000.0) == "right"
    assert line(value(5000), 5001) == "not yet: your answer is too large."
    assert line(value(5000.0), 5001) == "right"


def test_words_and_truth_values():
    word = value("read gate", mistakes=[Mistake("the gate of the input", "write gate", "No.")])
    assert line(word, " Read  GATE") == "right"
    assert line(word, "write gate").startswith("not yet: your answer is the gate of the input.")
    assert line(word, "keep") == "not yet: your answer is another one."
    assert "should be text" in line(word, 3)
    assert line(value(True), True) == line(value(True), np.True_) == "right"
    assert line(value(True), False) == "not yet: your answer is another one."
    assert "True or False" in line(value(True), 1)


def test_nothing_is_not_an_answer():
    def later(a, b):
        raise NotImplementedError

    assert line(value(1.0), None) == line(value(1.0), ...) == "not answered yet"
    assert line(function(), later) == "not answered yet"
    assert "returns nothing" in line(function(), lambda a, b: ...)


def test_arrays():
    m = array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    assert line(m, [[1, 2, 3], [4, 5, 6]]) == line(m, ((1, 2, 3), (4, 5, 6))) == "right"
    assert "is the transpose" in line(m, [[1, 4], [2, 5], [3, 6]])
    assert "shape (3, 2), expected (2, 3)" in line(m, np.ones((3, 2)))
    assert "most at [1, 0]" in line(m, [[1, 2, 3], [9, 5, 6]])
    assert "is 2 times" in line(m, [[2, 4, 6], [8, 10, 12]])
    assert "rows have different lengths" in line(m, [[1], [2, 3]])
    assert "is the transpose" in line(array([[1.0, 2.0], [3.0, 4.0]]), [[1, 3], [2, 4]])


def test_fractions_are_numbers():
    third = value(Fraction(1, 3))
    assert line(third, Fraction(1, 3)) == line(third, 1 / 3) == "right"
    assert line(array([0.5, 0.25]), [Fraction(1, 2), Fraction(1, 4)]) == "right"


def test_several_results():
    pair = array((1.0, np.array([2.0, 3.0])))
    assert line(pair, (1.0, [2.0, 3.0])) == line(pair, [1.0, [2.0, 3.0]]) == "right"
    assert "expected 2 results, got 1" in line(pair, (1.0,))
    assert "expected 2 results, got a float" in line(pair, 1.0)
    assert "answer number 2 differs" in line(pair, (1.0, [2.0, 4.0]))
    assert "answer number 1 is too large" in line(pair, (1.5, [2.0, 3.0]))
    named = array({"W": np.ones((2, 2)), "b": np.ones(2)})
    assert line(named, {"b": np.ones(2), "W": np.ones((2, 2))}) == "right"
    assert "missing 'b'; not asked for 'c'" in line(named, {"W": np.ones((2, 2)), "c": 1.0})
    assert "expected a mapping of arrays, got an int" in line(named, 1)
    assert "expected no mapping, got a dict" in line(pair, {"a": 1})


def test_a_mistake_of_another_form_harms_nothing():
    named = array({"W": 1.0, "b": 2.0}, mistakes=[Mistake("W alone", {"W": 1.0}, "And b?")])
    assert "'b' is too large" in line(named, {"W": 1.0, "b": 3.0})
    assert "missing 'b'" in line(named, {"W": 1.0})


def test_functions():
    product = function(mistakes=[Mistake("the wrong way round", lambda a, b: (a @ b).T, "Turn.")])
    assert line(product, np.matmul) == "right"
    assert line(product, lambda a, b: (a @ b).T) == (
        "not yet: your result is the wrong way round. Hint: Turn."
    )
    assert line(product, lambda a, b: -a @ b) == "not yet: your result has the wrong sign."
    assert line(product, lambda a, b: a @ b / 3) == (
        "not yet: your result is 0.333 times the right one."
    )
    assert "a function is asked for, and this is a float" in line(product, 1.0)
    assert "raises ValueError: " in line(product, lambda a, b: b @ a)
    assert "raises TypeError: " in line(product, lambda a: a)
    assert "returns nothing" in line(product, lambda a, b: None)
    assert "NaN" in line(product, lambda a, b: a @ b * np.nan)
    assert "differs from the right one, most at [" in line(product, lambda a, b: a @ b + 1)


def test_a_message_of_several_lines_becomes_one():
    def broken(a, b):
        raise RuntimeError("first\n   second")

    assert line(function(), broken) == "not yet: your function raises RuntimeError: first second"


def test_a_function_may_not_change_its_arguments():
    def greedy(a, b):
        result = a @ b
        b *= 2
        return result

    assert line(function(), greedy) == (
        "not yet: your function changes its argument 2. Hint: work on a copy."
    )


def test_a_warning_of_the_reader_is_not_shown():
    def loud(a, b):
        warnings.warn("loud", stacklevel=1)
        np.log(-np.ones(1))
        return a @ b

    assert line(function(), loud) == "right"


def test_one_lucky_case_is_not_enough():
    """An answer that is right on the first case alone is wrong."""
    seen = []

    def lucky(a, b):
        seen.append(a)
        return a @ b if len(seen) == 1 else a @ b + 1.0

    assert "differs" in line(function(), lucky)
    assert len(seen) == 4


def test_scalar_results_of_functions():
    total = function(lambda a: a.sum(), lambda rng: (rng.normal(size=3),))
    assert line(total, np.sum) == "right"
    assert line(total, lambda a: 2 * a.sum()) == "not yet: your result is 2 times the right one."
    assert line(total, lambda a: a[0]) == "not yet: your result differs from the right one."


def test_check_prints_one_line_and_returns_nothing(capsys):
    reference = exercises.exercise("ch1.1").reference
    assert check("ch1.1", reference) is None
    assert capsys.readouterr().out == "ch1.1 right\n"
    check("ch1.1")
    assert capsys.readouterr().out == "ch1.1 not answered yet\n"


def test_an_unknown_exercise_is_refused_with_a_suggestion():
    with pytest.raises(ValueError, match="no exercise 'ch1.1o'.*'ch1.1'"):
        check("ch1.1o", 1.0)
    with pytest.raises(ValueError, match="no exercise 5"):
        grade(5, 1.0)


def test_the_registry_refuses_double_and_foreign_ids():
    with pytest.raises(ValueError, match="stands twice"):
        add({}, [value(1.0), value(2.0)], chapter=1)
    with pytest.raises(ValueError, match="chapter 2"):
        add({}, [value(1.0)], chapter=2)
    assert list(exercises.registry())[0] == "ch1.1"


@pytest.mark.parametrize(
    "options, message",
    [
        ({"id": "3.1"}, "id"),
        ({"kind": "essay"}, "kind"),
        ({"prompt": "two\nlines"}, "prompt"),
        ({"tolerance": -1.0}, "tolerance"),
        ({"kind": "function", "reference": max}, "inputs"),
        ({"reference": max}, "values, not functions"),
        ({"kind": "function", "inputs": matrices}, "expected functions"),
        ({"mistakes": [Mistake("wrong", max, "no")]}, "reference and mistakes"),
    ],
)
def test_a_badly_made_exercise_is_refused(options, message):
    made = {"id": "ch1.1", "prompt": "?", "kind": "value", "reference": 1.0} | options
    with pytest.raises(ValueError, match=message):
        Exercise(**made)


def test_a_mistake_needs_one_line_of_text():
    with pytest.raises(ValueError, match="hint"):
        Mistake("wrong", 1.0, "")
    with pytest.raises(ValueError, match="name"):
        Mistake("two\nlines", 1.0, "hint")
