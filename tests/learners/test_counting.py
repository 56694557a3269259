"""The instruments of the cost tests: multiplications, bytes and formulas."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rnncore import LSTM, Vanilla
from rnncore.cells import Cell
from tests.support import counting as count


class Number:
    """A number that counts how often numbers of its kind are multiplied."""

    tally = 0

    def __init__(self, value: Any) -> None:
        self.value = getattr(value, "value", value)

    def __mul__(self, other: Any) -> Number:
        Number.tally += 1
        return Number(self.value * Number(other).value)

    def __add__(self, other: Any) -> Number:
        return Number(self.value + Number(other).value)

    def __sub__(self, other: Any) -> Number:
        return Number(self.value - Number(other).value)

    def __rsub__(self, other: Any) -> Number:
        return Number(Number(other).value - self.value)

    def tanh(self) -> Number:
        return Number(np.tanh(self.value))

    __rmul__, __radd__ = __mul__, __add__


def numbers(array: Any) -> np.ndarray:
    return np.vectorize(Number, otypes=[object])(array)


def work(cell: Cell, made: Any, rng: np.random.Generator) -> None:
    """A step, the influence, and a step back, on arrays of one kind."""
    weights = {name: made(rng.standard_normal(shape)) for name, shape in cell.shapes.items()}
    state = made(rng.standard_normal((2, cell.state_size)))
    influence = made(rng.standard_normal((2, cell.size, cell.state_size)))
    bar = made(rng.standard_normal((2, cell.state_size)))
    _, tape = cell.step(weights, state, made(rng.standard_normal((2, cell.input_size))))
    cell.influence_step(weights, tape, influence)
    _, delta = cell.pull(weights, tape, bar)
    cell.collect(weights, [tape], [delta])
    cell.jvp(weights, tape, bar, None, weights)


@pytest.mark.parametrize("cell", [Vanilla(2, 3), LSTM(3, 2)], ids=["vanilla", "LSTM"])
def test_arrays_count_as_numbers_do_one_by_one(cell: Cell) -> None:
    Number.tally = count.Counting.tally = 0
    work(cell, numbers, np.random.default_rng(0))
    with count.arrays_count():
        work(cell, count.counting, np.random.default_rng(0))
    assert Number.tally == count.Counting.tally > 100


def test_products_of_arrays() -> None:
    a, b = count.counting(np.ones((5, 2, 3))), np.ones((3, 4))
    for product, number in (
        (lambda: a @ b, 5 * 2 * 3 * 4),
        (lambda: a * np.ones((5, 1, 3)), 30),
        (lambda: 2 * a, 30),
        (lambda: a**2, 30),
        (lambda: np.ones(3) / a, 30),
        (lambda: np.multiply.reduce(a), 30),
        (lambda: np.einsum("tbi,ij->j", a, b), 5 * 2 * 3 * 4),
        (lambda: np.concatenate([a, a]) + a.sum() - np.where(a > 0, a, 0)[:1], 0),
        (lambda: np.einsum("tbi->tb", a), 0),
    ):
        count.Counting.tally = 0
        assert isinstance(product(), count.Counting)
        assert count.Counting.tally == number


def test_products_in_place_and_of_sums_count() -> None:
    a, plain = count.counting(np.ones(4)), np.ones(4)
    count.Counting.tally = 0
    plain *= a
    a *= 3
    assert count.Counting.tally == 8
    assert a.sum() * a.sum() == 144
    assert count.Counting.tally == 9


@pytest.mark.parametrize("hidden", [np.vdot, np.outer, np.inner, np.kron, np.prod, np.mean])
def test_what_is_not_known_is_refused(hidden: Any) -> None:
    a = count.counting(np.ones((2, 2)))
    with pytest.raises(NotImplementedError, match="not counted"):
        hidden(a) if hidden in (np.prod, np.mean) else hidden(a, a)


def test_dot_counts_as_the_product_does() -> None:
    a, b, out = count.counting(np.ones((2, 3))), np.ones((3, 5)), np.empty((2, 5))
    for product in (np.dot, np.matmul):
        count.Counting.tally = 0
        product(a, b, out=out)
        product(a, b)
        assert count.Counting.tally == 2 * 2 * 3 * 5
        np.testing.assert_array_equal(out, 3.0)
    with pytest.raises(NotImplementedError, match="not counted"):
        np.dot(a[0], b)


def test_fresh_arrays_count_only_inside() -> None:
    with count.arrays_count():
        count.Counting.tally = 0
        np.ones(3) * np.zeros(3)
        assert count.Counting.tally == 3
    assert type(np.ones(3)) is np.ndarray


def test_bytes_are_counted_once_and_views_by_what_they_keep_alive() -> None:
    a, b = np.zeros(10), np.zeros(3)
    assert count.weigh((a, [a, {"again": a[:2]}], b)) == 8 * 13
    assert count.weigh(a[:2]) == 80
    assert count.weigh((a, b[1:]), without=b) == 80
    cell = Vanilla(2, 3)
    weights = cell.init_params(np.random.default_rng(0))
    s, x = np.zeros((1, 3)), np.zeros((1, 2))
    _, tape = cell.step(weights, s, x)
    before = count.weigh(tape)
    assert before >= s.nbytes + x.nbytes
    assert tape.partials is not None
    assert count.weigh(tape) > before


@pytest.mark.parametrize(
    "formula, value",
    [
        ("P", 7),
        ("2 P", 14),
        ("N P + N^2 P / h", 3 * 7 + 9 * 7 / 5),
        ("sqrt(T) N", 6),
        ("sqrt(T + 5) N", 9),
        ("P k2 / k1", 14),
        ("N / c in the mean", 30),
        ("1 / h / h", 0.04),
    ],
)
def test_formulas(formula: str, value: float) -> None:
    letters = {"N": 3, "P": 7, "h": 5, "T": 4, "k1": 10, "k2": 20, "c": 0.1}
    assert count.evaluate(formula, letters) == pytest.approx(value, rel=1e-14)


@pytest.mark.parametrize(
    "formula", ["", "P Q", "P +", "P ^ N", "sqrt(P", "P)", "P - N", "NP", "O(P)", "P.real", "P /"]
)
def test_what_is_no_formula_is_refused(formula: str) -> None:
    with pytest.raises(ValueError, match="formula"):
        count.evaluate(formula, {"P": 7, "N": 3})
