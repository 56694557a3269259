"""What a stretch promises: own steps are respected, nothing is changed, types are kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from rnncore import BPTT, GRU, LSTM, RTRL, Batch, Linear, Masked, Network, SquaredError, Vanilla
from rnncore.cells import Cell, base
from rnncore.cells.tape import Stretch
from rnncore.verify import compare, complex_step, relative_error
from tests.cells.test_stretch import CELLS, TIGHT, B, Case, T, near
from tests.support import zoo

Array = np.ndarray


# -- subclasses with maths of their own ---------------------------------------------


class Doubled(Vanilla):
    """Gives twice what its parent gives, by its own step and pull."""

    def step(self, weights: Any, s: Array, x: Array, u: Array | None = None) -> tuple[Array, Any]:
        new, kept = super().step(weights, s, x, u)
        return 2 * new, kept

    def pull(self, weights: Any, tape: Any, s_bar: Array) -> tuple[Array, Any]:
        return super().pull(weights, tape, 2 * s_bar)


class Stopped(LSTM):
    """Passes nothing back: its gradient is that of single steps."""

    def pull(self, weights: Any, tape: Any, s_bar: Array) -> tuple[Array, Any]:
        before, delta = super().pull(weights, tape, s_bar)
        return np.zeros_like(before), delta


class DoubledMask(Masked):
    """The same around another cell."""

    def step(self, weights: Any, s: Array, x: Array, u: Array | None = None) -> tuple[Array, Any]:
        new, kept = super().step(weights, s, x, u)
        return 2 * new, kept

    def pull(self, weights: Any, tape: Any, s_bar: Array) -> tuple[Array, Any]:
        return super().pull(weights, tape, 2 * s_bar)


def learned(cell: Any) -> tuple[Network, Any, Batch]:
    net = Network(cell, Linear(cell.output_size, 2), SquaredError(), learn_initial_state=True)
    rng = np.random.default_rng(4)
    return net, zoo.random_params(net, rng), zoo.random_batch(net, "learned start", rng)


@pytest.mark.parametrize(
    "make", [lambda: Doubled(2, 3), lambda: DoubledMask(GRU(2, 3), {"U": zoo.RING})]
)
def test_a_step_of_its_own_is_respected(make: Any) -> None:
    """By run, by sweep, and so by BPTT: the truth is complex step through step alone."""
    cell = make()
    case = Case(cell)
    tapes, shown, _ = case.run()
    assert not isinstance(tapes, Stretch)
    near(shown, case.stepped(teacher=False)[1])
    net, params, batch = learned(cell)
    truth = complex_step(lambda p: net.evaluate(p, batch), params)
    assert compare(BPTT(net).gradient(params, batch).grads, truth).max_relative < 1e-12


@pytest.mark.parametrize("masked", [False, True])
def test_a_pull_of_its_own_is_respected(masked: bool) -> None:
    """Cut off at every step, the gradient is the sum of those of T networks of one step."""
    cell: Any = Masked(Stopped(2, 3), {"U": zoo.RING}) if masked else Stopped(2, 3)
    net, params, batch = learned(cell)
    got = BPTT(net).gradient(params, batch).grads
    states = net.forward(params, batch).states
    plain: Any = Masked(LSTM(2, 3), {"U": zoo.RING}) if masked else LSTM(2, 3)
    single = Network(plain, net.readout, net.loss)
    rest = params.select("cell.").prefixed("cell.")
    want = {name: 0.0 for name in rest}
    for t in range(batch.steps):
        cut = slice(t, t + 1)
        one = Batch(batch.inputs[cut], batch.targets[cut], batch.mask[cut], states[t])
        own = {name: params[name] for name in single.shapes}
        grads = BPTT(single).gradient(type(params)(own), one).grads
        want = {name: want[name] + grads[name] for name in want}
    for name, array in want.items():
        near(got[name], array)
    assert np.abs(got["initial_state"]).max() == 0


def test_what_pull_gives_is_left_alone() -> None:
    """A cell whose pull hands the adjoint itself on, and keeps it, does not find it changed."""

    class Through(Vanilla):
        def pull(self, weights: Any, tape: Any, s_bar: Array) -> tuple[Array, Any]:
            return s_bar, super().pull(weights, tape, s_bar)[1]

    case = Case(Through(2, 3))
    tapes, _, _ = case.run()
    s_bar = case.s_bar[0]
    first, _, adjoints = case.cell.sweep(case.weights, tapes, s_bar, case.h_bar)
    want = s_bar + np.cumsum(case.h_bar[::-1], axis=0)[::-1]
    near(np.stack(adjoints), want)
    near(first, want[0])


# -- what comes in ---------------------------------------------------------------------


@pytest.mark.parametrize("name", CELLS)
def test_a_projection_handed_in_is_used(name: str) -> None:
    """It stands for the input: with that of another input, the state is that of the other."""
    case = Case(CELLS[name]())
    u = case.cell.project(case.weights, case.x)
    assert u is not None
    got, _ = case.cell.step(case.weights, case.s, case.x[0], u[1])
    near(got, case.cell.step(case.weights, case.s, case.x[1])[0])
    assert relative_error(got, case.cell.step(case.weights, case.s, case.x[0])[0]) > 1e-3


@pytest.mark.parametrize("name", [name for name in CELLS if "masked" not in name])
def test_parameters_need_not_be_prepared(name: str) -> None:
    """Of a cell without masks they are weights as they are, only slower."""
    case, plain = Case(CELLS[name]()), Case(CELLS[name]())
    plain.weights = plain.params
    (tapes, *rest), (plain_tapes, *plain_rest) = case.run(teacher=True), plain.run(teacher=True)
    for got, want in zip(plain_rest, rest, strict=True):
        near(got, want)
    args = (case.s_bar, case.h_bar, case.forced)
    near(
        plain.cell.sweep(plain.weights, plain_tapes, *args)[0],
        case.cell.sweep(case.weights, tapes, *args)[0],
    )


@pytest.mark.parametrize("name", ["vanilla tanh", "LSTM", "mixed stack"])
def test_a_teacher_without_a_mask(name: str) -> None:
    """Every unit that is read out is replaced at every step."""
    rng = np.random.default_rng(6)
    net = zoo.network(name, "teacher")
    params, masked = zoo.random_params(net, rng), zoo.random_batch(net, "teacher", rng)
    batch = Batch(masked.inputs, masked.targets, None, masked.initial_state)
    truth = complex_step(lambda p: net.evaluate(p, batch), params)
    for learner in (BPTT(net), RTRL(net)):
        assert compare(learner.gradient(params, batch).grads, truth).max_relative < 1e-12


# -- tangents --------------------------------------------------------------------------


@pytest.mark.parametrize("name", CELLS)
def test_units_are_pushed_in_parts(name: str) -> None:
    """One unit a part, two, or all at once; however they come, tangents leave unit by unit."""
    case = Case(CELLS[name]())
    cell, rng = case.cell, np.random.default_rng(8)
    _, kept = cell.step(case.weights, case.s, case.x[0])
    ds = rng.standard_normal((B, 5, cell.state_size))
    dx = rng.standard_normal((B, 5, cell.input_size))
    want = [cell.push(case.weights, kept, ds), cell.push(case.weights, kept, ds, dx)]
    by_unit = np.ascontiguousarray(ds.swapaxes(1, 2)).swapaxes(1, 2)
    for units in (1, 2):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(base, "CACHED", units * B * 5)
            assert base.at_once(B * 5) == units
            for given in (ds, by_unit):
                near(cell.push(case.weights, kept, given), want[0])
                near(cell.push(case.weights, kept, given, dx), want[1])
    assert cell.push(case.weights, kept, ds, dx).swapaxes(1, 2).flags.c_contiguous


@pytest.mark.parametrize("name", CELLS)
def test_parts_of_a_direction_add_up(name: str) -> None:
    """State, inputs and parameters, each alone; and whichever of them is complex."""
    case = Case(CELLS[name]())
    cell, rng = case.cell, np.random.default_rng(9)
    _, kept = cell.step(case.weights, case.s, case.x[0])
    ds, dx = rng.standard_normal(case.s.shape), rng.standard_normal(case.x[0].shape)
    dparams = case.params.map(lambda a: rng.standard_normal(a.shape))
    nil, still = np.zeros_like(ds), dparams.zeros_like()
    by_state = cell.jvp(case.weights, kept, ds)
    by_input = cell.jvp(case.weights, kept, nil, dx)
    by_params = cell.jvp(case.weights, kept, nil, None, dparams)
    for part in (by_state, by_input, by_params):
        assert np.abs(part).max() > 1e-3
    near(cell.jvp(case.weights, kept, ds, None, dparams), by_state + by_params)
    near(cell.jvp(case.weights, kept, ds, dx, dparams), by_state + by_input + by_params)
    near(cell.jvp(case.weights, kept, 1j * ds, None, dparams), 1j * by_state + by_params)
    near(cell.jvp(case.weights, kept, 1j * ds, None, still), 1j * by_state)
    near(cell.jvp(case.weights, kept, ds, 1j * dx, still), by_state + 1j * by_input)
    turned = dparams.map(lambda a: 1j * a)
    near(cell.jvp(case.weights, kept, ds, None, turned), by_state + 1j * by_params)
    for name_of_one in dparams:  # which may be an elementwise one
        one = still.replace(**{name_of_one: 1j * dparams[name_of_one]})
        got = cell.jvp(case.weights, kept, ds, None, one)
        near(got.real, by_state)


# -- nothing is changed --------------------------------------------------------------


def lock(*arrays: Any) -> None:
    """Make arrays read-only, so that a write raises."""
    for array in arrays:
        if isinstance(array, Mapping):
            lock(*array.values())
        elif isinstance(array, np.ndarray):
            array.flags.writeable = False


@pytest.mark.parametrize("name", CELLS)
def test_nothing_that_comes_in_is_changed(name: str) -> None:
    """Every array is locked: weights, states, inputs, adjoints, tangents, and what was kept."""
    case = Case(CELLS[name]())
    cell, weights = case.cell, case.weights
    lock(weights, case.s, case.x, case.s_bar, case.h_bar, case.taught, *case.forced)
    for teacher in (False, True):
        tapes, shown, last = case.run(teacher)
        lock(tapes.s, tapes.x, tapes.u, tapes.v, shown, last)
        forced = case.forced if teacher else None
        first, deltas, adjoints = cell.sweep(weights, tapes, case.s_bar[0], case.h_bar, forced)
        lock(first, adjoints, deltas.u, deltas.v, deltas.p)
        cell.sweep(weights, [*tapes], case.s_bar, case.h_bar, forced)
        cell.collect(weights, tapes, deltas)
        cell.collect(weights, tapes, deltas, per_example=True)
    _, kept = cell.step(weights, case.s, case.x[0])
    u = cell.project(weights, case.x)
    lock(u, kept.cache, *kept.partials, *kept.direct)
    cell.step(weights, case.s, case.x[0], u[0])
    cell.pull(weights, kept, case.s_bar)
    ds, dx = np.ones((B, 4, cell.state_size)), np.ones((B, 4, cell.input_size))
    influence = np.ones((B, cell.size, cell.state_size))
    lock(ds, dx, influence)
    cell.push(weights, kept, ds, dx)
    cell.influence_step(weights, kept, influence)
    cell.jvp(weights, kept, ds[:, 0], dx[:, 0], case.params)


# -- types ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", CELLS)
def test_single_precision_stays_so(name: str) -> None:
    case, double = Case(CELLS[name](), dtype=np.float32), Case(CELLS[name]())
    tapes, shown, last = case.run()
    first, deltas, adjoints = case.cell.sweep(case.weights, tapes, case.s_bar[0], case.h_bar)
    grads = case.cell.collect(case.weights, tapes, deltas)
    partials = [a for group in tapes.partials(0, T) for a in group.values()]
    kept = [tapes.s, tapes.u, shown, last, first, np.array(adjoints), deltas.u, deltas.v, deltas.p]
    assert {a.dtype for a in [*kept, *partials, *grads.values()]} == {np.dtype(np.float32)}
    wide, _, _ = double.run()
    assert relative_error(tapes.s, wide.s) < 1e-5


@pytest.mark.parametrize("name", CELLS)
def test_complex_numbers_pass(name: str) -> None:
    """Whichever of start, inputs, and single parameters is complex, alone."""
    cell = CELLS[name]()
    for which in ("s", "x", *cell.shapes):
        case = Case(cell)
        if which in ("s", "x"):
            setattr(case, which, getattr(case, which) + 1e-3j)
        else:
            wide = case.params.replace(**{which: case.params[which] + 1e-3j})
            case.weights = cell.prepare(wide)
        tapes, shown, _ = case.run(teacher=True)
        one_by_one, want_shown, states = case.stepped(teacher=True)
        assert tapes.s.dtype == np.complex128
        np.testing.assert_allclose(tapes.s, states, rtol=1e-12)
        np.testing.assert_allclose(shown, want_shown, rtol=1e-12)
        args = (case.s_bar[0], case.h_bar, case.forced)
        first, deltas, _ = cell.sweep(case.weights, tapes, *args)
        want, want_deltas, _ = Cell.sweep(cell, case.weights, one_by_one, *args)
        assert relative_error(first, want) < TIGHT
        got = cell.collect(case.weights, tapes, deltas)
        for key, array in cell.collect(case.weights, one_by_one, want_deltas).items():
            assert relative_error(got[key], array) < TIGHT, (which, key)


def test_types_of_adjoints_are_joined() -> None:
    """A wide h_bar widens a narrow s_bar: nothing of it is lost, on either path."""
    case = Case(LSTM(2, 3))
    tapes, _, _ = case.run()
    s_bar = np.zeros(case.s.shape)
    h_bar = case.h_bar + 1e-3j
    for kept in (tapes, [*tapes]):
        got, deltas, adjoints = case.cell.sweep(case.weights, kept, s_bar, h_bar)
        by_parts = [
            case.cell.sweep(case.weights, kept, s_bar, part)[0] for part in (h_bar.real, h_bar.imag)
        ]
        near(got, by_parts[0] + 1j * by_parts[1])
        assert np.array(adjoints).dtype == np.complex128


@pytest.mark.parametrize("extra", [(), (0, 0)])
def test_a_block_for_each_state_and_no_more(extra: tuple[int, ...]) -> None:
    class Wrong(LSTM):
        def pointwise(self, s: Array, u: Array, v: Array, p: Any) -> tuple[Any, Any]:
            blocks, cache = super().pointwise(s, u, v, p)
            return (blocks[0], *[blocks[k] for k in extra]), cache

    cell, x = Wrong(2, 3), np.ones((4, 1, 2))
    weights = cell.prepare(cell.init_params(np.random.default_rng(0)))
    got = 1 + len(extra)
    with pytest.raises(ValueError, match=f"pointwise: expected 2 state blocks, got {got}"):
        cell.run(weights, np.zeros((1, 6)), x)
