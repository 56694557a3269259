"""Whole stretches of steps of the pointwise cells: the same as step by step, however they are cut.

A stretch keeps states and pre-activations, and works the partials out again for many steps at
once. Sizes are alike on purpose (steps, batch and units are all three), so that an axis taken
for another cannot show itself by its length.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from rnncore import BPTT, LSTM, Linear, Network, SquaredError
from rnncore.cells import Cell, base, groups, tape
from rnncore.cells.pointwise import PointwiseCell
from rnncore.cells.tape import Delta, Deltas, Partials, Stretch
from rnncore.verify import compare, complex_step, complex_step_jacobian, relative_error
from tests.support import zoo

Array = np.ndarray
T = B = N = 3  # as many steps and sequences as units
TIGHT = 1e-13
POINTWISE = [name for name in zoo.CELLS if isinstance(zoo.CELLS[name](), PointwiseCell)]
MASKED = ["masked vanilla", "masked LSTM", "masked diagonal LSTM"]


class Chained(PointwiseCell):
    """Three state blocks, each made from the one before it, h from d and d from c, and more.

    What h is made from directly it also hears through d and c.
    """

    states = ("h", "d", "c")
    gates = ("c", "h")
    elementwise = ("k",)
    share = 1.0  # of v in the pre-activation of c

    def pointwise(self, s: Any, u: Any, v: Any, p: Any) -> tuple[Any, Any]:
        (_, d_prev, c_prev), (k,) = s, p
        a_c, a_h = (u[0] + self.share * v[0], u[1] + v[1]) if len(v) else u
        c = np.tanh(a_c) + k * c_prev
        d = c * c + d_prev
        squashed = np.tanh(a_h)
        return (d * squashed + d_prev * a_c, d, c), (d_prev, c_prev, k, c, d, a_c, squashed)

    def partials(self, cache: Any) -> Partials:
        d_prev, c_prev, k, c, d, a_c, squashed = cache
        by_c = {("c", "c"): 1 - np.tanh(a_c) ** 2, ("h", "c"): d_prev}
        by_h = {("h", "h"): d * (1 - squashed * squashed)}
        du = by_c | by_h
        return Partials(
            ds={("c", "c"): np.broadcast_to(k, c.shape), ("d", "d"): np.ones_like(c)}
            | {("h", "d"): a_c},
            du=du,
            dv={key: self.share * a for key, a in by_c.items()} | by_h if self.apart else du,
            dp={("c", "k"): c_prev},
            within={("d", "c"): 2 * c, ("h", "d"): squashed},
        )


class ChainedApart(Chained):
    """The same where u and v do not count alike."""

    apart = True
    share = 2.0


CELLS: dict[str, Callable[[], Cell]] = {name: zoo.CELLS[name] for name in POINTWISE + MASKED}
CELLS |= {"chained": lambda: Chained(2, N), "chained apart": lambda: ChainedApart(2, N)}
CHAINED = [name for name in CELLS if name.startswith("chained")]


class Case:
    """A cell with random weights, a start, inputs, adjoints, and a teacher at odd steps."""

    def __init__(self, cell: Cell, steps: int = T, size: int = B, dtype: Any = np.float64) -> None:
        rng = np.random.default_rng([11, steps, size])
        self.cell = cell
        drawn = cell.init_params(rng).map(lambda a: 0.7 * rng.standard_normal(a.shape))
        self.params = drawn.astype(dtype)
        self.weights = cell.prepare(self.params)
        self.s = rng.standard_normal((size, cell.state_size)).astype(dtype)
        self.x = rng.standard_normal((steps, size, cell.input_size)).astype(dtype)
        self.s_bar = rng.standard_normal((2, size, cell.state_size)).astype(dtype)
        self.h_bar = rng.standard_normal((steps, size, cell.output_size)).astype(dtype)
        self.taught = rng.standard_normal((steps, size, cell.state_size)).astype(dtype)
        odd = np.arange(steps)[:, None, None] % 2 == 1
        where = odd & (rng.random((steps, size, cell.state_size)) < 0.5)
        self.forced = [w if w.any() else None for w in where]
        assert steps < 2 or any(w is not None for w in self.forced)

    def replace(self, t: int, s: Array) -> Array:
        forced = self.forced[t]
        return s if forced is None else np.where(forced, self.taught[t], s)

    def stepped(self, teacher: bool) -> tuple[list[Any], Array, Array]:
        """Tapes, what is shown, and all states, by single steps."""
        s, tapes, shown, states = self.s, [], [], [self.s]
        for t, x in enumerate(self.x):
            s, kept = self.cell.step(self.weights, s, x)
            tapes.append(kept)
            shown.append(s[:, self.cell.output])
            s = self.replace(t, s) if teacher else s
            states.append(s)
        return tapes, np.stack(shown), np.stack(states)

    def run(self, teacher: bool = False) -> tuple[Any, Array, Array]:
        return self.cell.run(self.weights, self.s, self.x, self.replace if teacher else None)


def near(got: Any, want: Any) -> None:
    assert np.shape(got) == np.shape(want)
    if np.size(want):  # a cell may have no elementwise parameters
        assert relative_error(np.asarray(got), np.asarray(want)) < TIGHT


@pytest.mark.parametrize("teacher", [False, True])
@pytest.mark.parametrize("name", CELLS)
def test_run_is_step_after_step(name: str, teacher: bool) -> None:
    for steps, size in ((T, B), (5, 1), (1, 2)):
        case = Case(CELLS[name](), steps, size)
        tapes, shown, last = case.run(teacher)
        one_by_one, want_shown, states = case.stepped(teacher)
        assert isinstance(tapes, Stretch)
        assert len(tapes) == steps
        np.testing.assert_allclose(tapes.s, states, rtol=1e-15, atol=1e-15)
        np.testing.assert_allclose(last, states[-1], rtol=1e-15, atol=1e-15)
        np.testing.assert_allclose(shown, want_shown, rtol=1e-15, atol=1e-15)
        assert not np.shares_memory(last, tapes.s)
        for got, want in zip(tapes, one_by_one, strict=True):
            np.testing.assert_array_equal(got.x, want.x)
            np.testing.assert_allclose(got.s, want.s, rtol=1e-15, atol=1e-15)


@pytest.mark.parametrize("name", CELLS)
def test_collect_takes_whole_arrays_and_lists(name: str) -> None:
    case = Case(CELLS[name](), steps=4)
    tapes, _, _ = case.run()
    _, deltas, _ = case.cell.sweep(case.weights, tapes, case.s_bar[0], case.h_bar)
    for per_example in (False, True):
        whole = case.cell.collect(case.weights, tapes, deltas, per_example)
        listed = case.cell.collect(case.weights, [*tapes], [*deltas], per_example)
        halves = [
            case.cell.collect(case.weights, tapes[cut], deltas[cut], per_example)
            for cut in (slice(0, 1), slice(1, None))
        ]
        assert list(whole) == list(listed) == list(case.cell.shapes)
        for key, array in whole.items():
            near(array, listed[key])
            near(array, halves[0][key] + halves[1][key])


@pytest.mark.parametrize("name", [*POINTWISE, *CHAINED])
def test_groups_collect_what_the_cell_collects(name: str) -> None:
    """Each parameter is in one group, at the pre-activations and inputs that it multiplies."""
    case = Case(CELLS[name](), steps=4)
    cell: Any = case.cell
    tapes, _, _ = case.run()
    _, deltas, _ = cell.sweep(case.weights, tapes, case.s_bar, case.h_bar)
    want = cell.collect(case.weights, tapes, deltas, per_example=True)
    found = {}
    for group in groups.groups_of(cell):
        joint = group.collect(cell, tapes.x, tapes.s[:-1], deltas)
        assert joint.shape == (2, B, len(group.keys) * N, group.inputs)
        assert not found.keys() & group.places.keys()
        found |= group.named(joint)
    assert found.keys() == want.keys() == cell.shapes.keys()
    for key, array in want.items():
        near(found[key].reshape(array.shape), array)
    names = [set(group.keys) for group in groups.groups_of(cell) if group.partials != "dp"]
    assert all(keys == set(cell.gates) for keys in names)


@pytest.mark.parametrize("name", [*POINTWISE, *CHAINED])
def test_partials_of_many_steps_are_those_of_each(name: str) -> None:
    case = Case(CELLS[name]())
    tapes, _, _ = case.run()
    assert isinstance(tapes, Stretch)
    many = tapes.partials(0, T)
    tail = tapes.partials(1, T)
    one_by_one, _, _ = case.stepped(teacher=False)
    for t, kept in enumerate(one_by_one):
        for group, of_many, of_tail in zip(kept.direct, many, tail, strict=True):
            assert list(group) == list(of_many)
            for key, partial in group.items():
                assert of_many[key].shape == (T, B, N)
                near(of_many[key][t], partial)
                if t:
                    near(of_tail[key][t - 1], partial)
    assert (many.dv is many.du) == (case.cell.recurrent and not case.cell.apart)


def test_partials_of_the_wrong_shape_are_refused() -> None:
    """One of (n,) would be taken for one number of each step, as there are as many steps."""

    class Careless(Chained):
        def partials(self, cache: Any) -> Partials:
            d = super().partials(cache)
            return d._replace(ds={**d.ds, ("c", "c"): cache[2]})

    case = Case(Careless(2, N))
    tapes, _, _ = case.run()
    message = r"partials: expected shape \(3, 3, 3\) of c by c, got \(3,\)"
    with pytest.raises(ValueError, match=message):
        case.cell.sweep(case.weights, tapes, case.s_bar[0], case.h_bar)


def total_by_complex_step(cell: PointwiseCell, kept: Any, weights: Any) -> list[Array]:
    """d(new state)/d(s, u, v, p) of the pointwise function, (N, B, n) by block and place."""
    u = cell.project(weights, kept.x)
    v = cell._recurrent(weights, kept.s[:, : cell.hidden_size]) if cell.recurrent else None
    if v is not None and not cell.apart:
        u, v = u + v, None
    p = {name: weights[name] for name in cell.elementwise}

    def new(s: Array, u: Array, v: Array | None, p: Any) -> Array:
        blocks, _ = cell.at({**weights, **p}, s, u, v)
        return np.concatenate(blocks, axis=-1).astype(complex)  # some hear nothing of s, say

    jacobians = [
        complex_step_jacobian(lambda s: new(s, u, v, p), kept.s),
        complex_step_jacobian(lambda a: new(kept.s, a, v, p), u),
    ]
    if v is not None:
        jacobians.append(complex_step_jacobian(lambda a: new(kept.s, u, a, p), v))
    own = [
        complex_step_jacobian(lambda a, k=name: new(kept.s, u, v, {**p, k: a}), p[name])
        for name in p
    ]
    return jacobians + own


@pytest.mark.parametrize("name", [*POINTWISE, *CHAINED])
def test_totals_are_the_derivatives_of_the_pointwise_function(name: str) -> None:
    """And what is absent is zero; the partials as written leave out what goes within."""
    case = Case(CELLS[name]())
    cell: Any = case.cell
    (kept, *_), _, _ = case.stepped(teacher=False)
    jacobians = total_by_complex_step(cell, kept, case.weights)
    own = jacobians[-len(cell.elementwise) :] if cell.elementwise else []
    of = dict(zip(("ds", "du", "dv"), jacobians[: len(jacobians) - len(own)], strict=False))
    each = np.arange(B)
    for field, by_names in (("ds", cell.states), ("du", cell.gates), ("dv", cell.gates)):
        if field not in of:
            continue
        for i, out in enumerate(cell.states):
            for k, by in enumerate(by_names):
                block = of[field][:, i * N : (i + 1) * N, :, k * N : (k + 1) * N]
                want = np.einsum("bibi->bi", block)
                assert np.abs(block).sum() == pytest.approx(np.abs(want).sum(), rel=1e-13)
                got = getattr(kept.partials, field).get((out, by), np.zeros((B, N)))
                np.testing.assert_allclose(got, want, rtol=1e-13, atol=1e-15)
    for by, jacobian in zip(cell.elementwise, own, strict=True):
        for i, out in enumerate(cell.states):
            want = np.einsum("bii->bi", jacobian[each, i * N : (i + 1) * N])
            got = kept.partials.dp.get((out, by), np.zeros((B, N)))
            np.testing.assert_allclose(got, want, rtol=1e-13, atol=1e-15)
    assert not kept.partials.within
    assert (kept.partials is kept.direct) == (not kept.direct.within)
    assert (kept.partials.dv is kept.partials.du) == (kept.direct.dv is kept.direct.du)


@pytest.mark.parametrize("name", CHAINED)
def test_blocks_made_from_one_another(name: str) -> None:
    """h from d and d from c: both modes, and the gradient, against complex step."""
    case = Case(CELLS[name]())
    cell = case.cell
    _, kept = cell.step(case.weights, case.s, case.x[0])
    full = complex_step_jacobian(lambda s: cell.step(case.weights, s, case.x[0])[0], case.s)
    want = np.stack([full[b, :, b, :] for b in range(B)])
    near(cell.state_jacobian(case.weights, kept), want)
    near(cell.pull(case.weights, kept, case.s_bar)[0], np.einsum("mbi,bij->mbj", case.s_bar, want))
    ds = case.s_bar[0]
    near(cell.jvp(case.weights, kept, ds), np.einsum("bij,bj->bi", want, ds))
    net = Network(cell, Linear(N, 2), SquaredError(), learn_initial_state=True)
    rng = np.random.default_rng(1)
    params = zoo.random_params(net, rng)
    batch = zoo.random_batch(net, "learned start", rng)
    truth = complex_step(lambda p: net.evaluate(p, batch), params)
    assert compare(BPTT(net).gradient(params, batch).grads, truth).max_relative < 1e-12


@pytest.mark.parametrize("setting", ["learned start", "teacher, learned start"])
@pytest.mark.parametrize(
    "name", ["vanilla tanh", "GRU", "LSTM peepholes", "diagonal LSTM", "deep stack", "feedback"]
)
def test_gradients_do_not_depend_on_the_cuts(name: str, setting: str) -> None:
    """One step a piece, several, or all: of the partials (CHUNK) and of the sweep (CACHED)."""
    rng = np.random.default_rng(5)
    net = zoo.network(name, setting)
    params, batch = zoo.random_params(net, rng), zoo.random_batch(net, setting, rng, 7, 2)
    loss, want = BPTT(net).gradient(params, batch)
    shown, state = 2 * net.cell.output_size, 2 * net.cell.state_size
    for of_chunk in (1, 2 * state, 3 * state):
        for of_cache in (1, 2 * shown, 3 * state):
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(tape, "STEPS", 1)
                patch.setattr(tape, "CHUNK", of_chunk)
                patch.setattr(base, "CACHED", of_cache)
                assert base.at_once(shown) == max(1, of_cache // shown)
                got = BPTT(net).gradient(params, batch)
            assert compare(got.grads, want).max_relative < TIGHT
            assert got.loss == pytest.approx(loss, rel=1e-14)


def test_chunks_cover_a_stretch() -> None:
    case = Case(LSTM(2, N), steps=7)
    tapes, _, _ = case.run()
    assert isinstance(tapes, Stretch)
    assert [*tapes.chunks()] == [(0, 7)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tape, "STEPS", 1)
        patch.setattr(tape, "CHUNK", 3 * case.s.size)
        assert [*tapes.chunks()] == [(0, 3), (3, 6), (6, 7)]
        patch.setattr(tape, "CHUNK", 1)
        assert [*tapes.chunks()] == [(t, t + 1) for t in range(7)]
        patch.setattr(tape, "STEPS", 2)
        assert [*tapes.chunks()] == [(t, t + 1) for t in range(7)]
        for steps, most, chunk in ((2, 1, 2), (5, 1, 4), (2, 3, 3)):  # up to four times CHUNK
            patch.setattr(tape, "STEPS", steps)
            patch.setattr(tape, "CHUNK", most * case.s.size)
            assert [*tapes.chunks()][0] == (0, chunk)
    assert base.at_once(base.CACHED // 4) == 4
    assert base.at_once(2 * base.CACHED) == 1
    assert base.at_once(0) >= 1


def test_partials_of_single_steps_are_worked_out_together() -> None:
    """Once for each chunk, and each step is given its own."""
    case = Case(zoo.CELLS["GRU"](), steps=7)
    tapes, _, _ = case.run()
    counted, partials = [], case.cell.partials
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tape, "STEPS", 1)
        patch.setattr(tape, "CHUNK", 3 * case.s.size)
        patch.setattr(case.cell, "partials", lambda cache: counted.append(0) or partials(cache))
        found = [one.direct for one in tapes]
        assert len(counted) == 3
    for t, got in enumerate(found):
        _, alone = case.cell.step(case.weights, tapes.s[t], tapes.x[t])
        for group, wanted in zip(got, alone.direct, strict=True):
            assert set(group) == set(wanted)
            for key in wanted:
                np.testing.assert_allclose(group[key], wanted[key], rtol=1e-13)


def test_indices_and_slices() -> None:
    case = Case(zoo.CELLS["GRU"](), steps=5)
    tapes, _, _ = case.run()
    _, deltas, _ = case.cell.sweep(case.weights, tapes, case.s_bar[0], case.h_bar)
    np.testing.assert_array_equal(tapes[-1].s, tapes.s[4])
    np.testing.assert_array_equal([t.s for t in reversed(tapes)], tapes.s[4::-1])
    for bad in (5, -6):
        with pytest.raises(IndexError):
            tapes[bad]
    for cut in (slice(1, 3), slice(None, 2), slice(-2, None), slice(0, 99), slice(None)):
        part, want = tapes[cut], [*tapes][cut]
        assert len(part) == len(want) == len(deltas[cut])
        assert len(part.s) == len(part) + 1
        for got, one in zip(part, want, strict=True):
            np.testing.assert_array_equal(got.s, one.s)
            np.testing.assert_array_equal(got.x, one.x)
            for group, wanted in zip(got.partials, one.partials, strict=True):
                for key in wanted:
                    np.testing.assert_array_equal(group[key], wanted[key])
        assert isinstance(deltas[cut], Deltas)
    for empty in (slice(2, 2), slice(4, 1)):
        assert len(tapes[empty]) == len(deltas[empty]) == 0
        assert [*tapes[empty].chunks()] == []
    for stride in (2, -1):
        with pytest.raises(ValueError, match="t: expected consecutive steps, got a slice by"):
            tapes[::stride]


def test_deltas() -> None:
    """Where u and v share their adjoint they still do after stacking and slicing."""
    rng = np.random.default_rng(2)
    u, v, p = rng.standard_normal((3, 4, B, N))
    for same in (True, False):
        made = Deltas.stack(
            [Delta(a, a if same else b, c) for a, b, c in zip(u, v, p, strict=True)]
        )
        np.testing.assert_array_equal(made.u, u)
        np.testing.assert_array_equal(made.v, u if same else v)
        np.testing.assert_array_equal(made.p, p)
        for part in (made, made[1:], made[2]):
            assert (part.v is part.u) == same
        np.testing.assert_array_equal(made[1:].v, (u if same else v)[1:])
        np.testing.assert_array_equal(made[2].p, p[2])
