"""Each derivative of each cell, entry by entry, against complex step."""

import numpy as np
import pytest

from rnncore import Masked, OutputFeedback, Params
from rnncore.cells import Cell
from rnncore.verify import complex_step_jacobian, directional_derivative, relative_error
from tests.support import zoo

B = 3
TIGHT = 1e-13


class Case:
    """A cell at a random point: parameters, state and input without zeros."""

    def __init__(self, name: str) -> None:
        rng = self.rng = np.random.default_rng([7, len(name)])
        self.cell: Cell = zoo.CELLS[name]()
        drawn = self.cell.init_params(rng)
        self.params = drawn.map(lambda a: 0.7 * rng.standard_normal(a.shape))
        if name == "vanilla relu":
            self.params = self.params.replace(b=np.ones(3))  # some units on, some off
        self.weights = self.cell.prepare(self.params)
        self.s = rng.standard_normal((B, self.cell.state_size))
        self.x = rng.standard_normal((B, self.cell.input_size))
        self.next, self.tape = self.cell.step(self.weights, self.s, self.x)

    def by_state(self) -> np.ndarray:
        """ds'/ds by complex step, (B, N, N)."""
        full = complex_step_jacobian(lambda s: self.cell.step(self.weights, s, self.x)[0], self.s)
        return np.stack([full[b, :, b, :] for b in range(B)])

    def by_input(self) -> np.ndarray:
        """ds'/dx by complex step, (B, N, D)."""
        full = complex_step_jacobian(lambda x: self.cell.step(self.weights, self.s, x)[0], self.x)
        return np.stack([full[b, :, b, :] for b in range(B)])

    def by_params(self) -> np.ndarray:
        """ds'/d theta by complex step, (B, N, P)."""

        def of(flat: np.ndarray) -> np.ndarray:
            weights = self.cell.prepare(self.params.unflatten(flat))
            return self.cell.step(weights, self.s, self.x)[0]

        return complex_step_jacobian(of, self.params.flat())


@pytest.fixture(params=list(zoo.CELLS), scope="module")
def case(request: pytest.FixtureRequest) -> Case:
    return Case(request.param)


def test_state_jacobian(case: Case) -> None:
    got = case.cell.state_jacobian(case.weights, case.tape)
    assert relative_error(got, case.by_state()) < TIGHT


def test_immediate_jacobian(case: Case) -> None:
    got = case.cell.immediate_jacobian(case.weights, case.tape)
    assert relative_error(got.transpose(0, 2, 1), case.by_params()) < TIGHT


def test_pull_is_the_transposed_jacobian(case: Case) -> None:
    """Also for adjoints with further axes in front."""
    s_bar = case.rng.standard_normal((4, 2, B, case.cell.state_size))
    got, delta = case.cell.pull(case.weights, case.tape, s_bar)
    assert relative_error(got, np.einsum("mkbi,bij->mkbj", s_bar, case.by_state())) < TIGHT
    x_bar = case.cell.input_adjoint(case.weights, case.tape, delta)
    assert relative_error(x_bar, np.einsum("mkbi,bij->mkbj", s_bar, case.by_input())) < TIGHT


def test_pull_leaves_the_adjoint_alone(case: Case) -> None:
    s_bar = case.rng.standard_normal((B, case.cell.state_size))
    kept = s_bar.copy()
    case.cell.pull(case.weights, case.tape, s_bar)
    np.testing.assert_array_equal(s_bar, kept)


def test_collect(case: Case) -> None:
    """Summed over two steps and the batch; and left apart for each example and adjoint."""
    by_params = case.by_params()
    s_bar = case.rng.standard_normal((2, B, case.cell.state_size))
    deltas = [case.cell.pull(case.weights, case.tape, bar)[1] for bar in s_bar]
    both = case.cell.collect(case.weights, [case.tape, case.tape], deltas)
    want = np.einsum("tbi,bip->p", s_bar, by_params)
    assert relative_error(Params(both).flat(), want) < TIGHT

    _, delta = case.cell.pull(case.weights, case.tape, s_bar)
    apart = case.cell.collect(case.weights, [case.tape], [delta], per_example=True)
    flat = np.concatenate([array.reshape(2, B, -1) for array in apart.values()], axis=2)
    assert relative_error(flat, np.einsum("mbi,bip->mbp", s_bar, by_params)) < TIGHT
    assert list(both) == list(apart) == list(case.cell.shapes)


def test_push(case: Case) -> None:
    ds = case.rng.standard_normal((B, 4, case.cell.state_size))
    dx = case.rng.standard_normal((B, 4, case.cell.input_size))
    by_state = np.einsum("bij,bmj->bmi", case.by_state(), ds)
    by_input = np.einsum("bij,bmj->bmi", case.by_input(), dx)
    assert relative_error(case.cell.push(case.weights, case.tape, ds), by_state) < TIGHT
    got = case.cell.push(case.weights, case.tape, ds, dx)
    assert relative_error(got, by_state + by_input) < TIGHT


def test_influence_step(case: Case) -> None:
    """J' = D J + X dx + F, with F in the rows that are this cell's."""
    count = case.cell.size
    before = case.rng.standard_normal((B, count + 5, case.cell.state_size))
    dx = case.rng.standard_normal((B, count + 5, case.cell.input_size))
    kept = before.copy()
    got = case.cell.influence_step(case.weights, case.tape, before, 3, dx)
    np.testing.assert_array_equal(before, kept)
    want = case.cell.push(case.weights, case.tape, before, dx)
    cut = cut_rows(case.cell)
    want[:, 3 + cut] = 0
    want[:, 3 : 3 + count] += case.by_params().transpose(0, 2, 1)
    assert relative_error(got, want) < TIGHT


def cut_rows(cell: Cell) -> np.ndarray:
    """Rows of connections that a mask cuts: their influence stays zero."""
    inner = cell.cell if isinstance(cell, OutputFeedback) else cell
    return inner._cut if isinstance(inner, Masked) else np.array([], int)


def test_jvp(case: Case) -> None:
    """One direction through state, input and parameters at once."""
    cell, rng = case.cell, case.rng
    ds, dx = rng.standard_normal(case.s.shape), rng.standard_normal(case.x.shape)
    dparams = case.params.map(lambda a: rng.standard_normal(a.shape))

    def of(p: Params) -> np.ndarray:
        weights = cell.prepare(p.select("theta."))
        return cell.step(weights, p["s"], p["x"])[0]

    at = Params.merge(Params({"s": case.s, "x": case.x}), case.params.prefixed("theta."))
    along = Params.merge(Params({"s": ds, "x": dx}), dparams.prefixed("theta."))
    want = directional_derivative(of, at, along)
    got = cell.jvp(case.weights, case.tape, ds, dx, dparams)
    assert relative_error(got, want) < TIGHT
    only_state = np.einsum("bij,bj->bi", case.by_state(), ds)
    assert relative_error(cell.jvp(case.weights, case.tape, ds), only_state) < TIGHT


def test_projection_of_a_whole_sequence(case: Case) -> None:
    """Handing the projected input in gives the same step."""
    x = np.stack([case.x, case.x + 1])
    u = case.cell.project(case.weights, x)
    if u is not None:
        got, _ = case.cell.step(case.weights, case.s, x[1], u[1])
        want, _ = case.cell.step(case.weights, case.s, x[1])
        np.testing.assert_allclose(got, want, rtol=1e-14, atol=1e-14)
        assert np.abs(got - case.next).max() > 1e-3


def test_step_is_pure(case: Case) -> None:
    s, x = case.s.copy(), case.x.copy()
    once, _ = case.cell.step(case.weights, case.s, case.x)
    np.testing.assert_array_equal(once, case.next)
    np.testing.assert_array_equal(case.s, s)
    np.testing.assert_array_equal(case.x, x)


def test_shapes_and_names(case: Case) -> None:
    assert case.params.shapes == case.cell.shapes
    assert case.params.size == case.cell.size
    assert case.cell.output_size == len(range(case.cell.state_size)[case.cell.output])
    assert repr(case.cell)
