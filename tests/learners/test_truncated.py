"""Truncated BPTT: equal to its definition everywhere, exact in the limit, and else different.

The definition needs no derivative of the package: the steps before a window are run as usual,
the parameters are moved (by a complex step) only inside the window, and the losses that belong
to the window are summed.
"""

from functools import cache

import numpy as np
import pytest

from rnncore import BPTT, Batch, Network, Params, SquaredError, Units, Vanilla
from rnncore.learners.truncated import TruncatedBPTT
from rnncore.verify import compare, complex_step, relative_error
from tests.support import zoo

TOLERANCE = 1e-12
GRID = [(1, 1), (1, 3), (1, 7), (2, 2), (2, 3), (2, 5), (3, 3), (3, 5), (4, 4), (4, 7), (7, 7)]
RECURRENT = ("squared error", "learned start", "teacher", "teacher, learned start")


def piece(batch: Batch, start: int, stop: int, state: np.ndarray | None) -> Batch:
    """Steps ``start`` to ``stop`` of a batch, from a given state."""
    mask = None if batch.mask is None else batch.mask[start:stop]
    return Batch(batch.inputs[start:stop], batch.targets[start:stop], mask, state)


def definition(net: Network, params: Params, batch: Batch, k1: int, k2: int) -> Params:
    """The truncated gradient, window by window."""
    total = params.zeros_like()
    for end in range(k1, batch.steps + k1, k1):
        start, stop, fresh = max(0, end - k2), min(end, batch.steps), end - k1
        inside, given = params, net
        window = piece(batch, start, stop, batch.initial_state)
        if start > 0:
            before = piece(batch, 0, start, batch.initial_state)
            window = piece(batch, start, stop, net.forward(params, before).states[-1])
            inside = Params({n: a for n, a in params.items() if n != "initial_state"})
            given = Network(
                net.cell, net.readout, net.loss, False, teacher_forcing=net.teacher_forcing
            )

        def loss(p: Params, g=given, w=window, skip=fresh - start):  # type: ignore[no-untyped-def]
            return g.forward(p, w).losses[skip:].sum()

        share = complex_step(loss, inside)
        total = total + Params({name: share.get(name, 0 * params[name]) for name in params})
    return total


@cache
def case(cell: str, setting: str, steps: int, size: int = 1) -> tuple[Network, Params, Batch]:
    rng = np.random.default_rng([51, steps, size, len(cell), len(setting)])
    net = zoo.network(cell, setting)
    params = zoo.random_params(net, rng)
    if cell == "vanilla relu":
        params = params.replace(**{"cell.b": np.ones(3)})
    return net, params, zoo.random_batch(net, setting, rng, steps, size)


@cache
def truth(cell: str, setting: str, steps: int, size: int, k1: int, k2: int) -> Params:
    return definition(*case(cell, setting, steps, size), k1, k2)


@cache
def exact(cell: str, setting: str, steps: int, size: int) -> Params:
    net, params, batch = case(cell, setting, steps, size)
    return BPTT(net).gradient(params, batch).grads


def agrees(cell: str, setting: str, steps: int, size: int, k1: int, k2: int) -> None:
    """The learner gives what the definition says."""
    net, params, batch = case(cell, setting, steps, size)
    want = truth(cell, setting, steps, size, k1, k2)
    loss, grads = TruncatedBPTT(net, k1, k2).gradient(params, batch)
    assert loss == pytest.approx(net.evaluate(params, batch), rel=1e-13)
    assert grads.names == params.names
    for name in params:
        scale = max(np.abs(want[name]).max(), 1e-3 * np.abs(want.flat()).max())
        assert np.abs(grads[name] - want[name]).max() <= TOLERANCE * scale, name


# The same lines as the tests beside it, on more cells: not worth a trace.
@pytest.mark.no_cover
@pytest.mark.parametrize("setting", RECURRENT)
@pytest.mark.parametrize("cell", zoo.CELLS)
def test_every_cell(cell: str, setting: str) -> None:
    """Windows of two losses over three steps, five steps in all: the last one is cut short."""
    agrees(cell, setting, 5, 2, 2, 3)
    assert np.abs(truth(cell, setting, 5, 2, 2, 3).flat()).max() > 1e-3


@pytest.mark.parametrize("setting", RECURRENT)
@pytest.mark.parametrize(("k1", "k2"), GRID)
def test_grid(k1: int, k2: int, setting: str) -> None:
    agrees("vanilla tanh", setting, 7, 2, k1, k2)


@pytest.mark.parametrize("setting", ["no mask", "binary", "classes"])
def test_other_losses(setting: str) -> None:
    agrees("vanilla tanh", setting, 5, 2, 2, 3)


def test_the_grid_tells_windows_apart() -> None:
    """Windows that differ give gradients that differ: no (k1, k2) passes for another."""
    same = {(1, 7), (7, 7)}  # for seven steps both are exact; (4, 7) is not: its window ends at 8
    for setting in ("squared error", "teacher, learned start"):
        found = {grid: truth("vanilla tanh", setting, 7, 2, *grid).flat() for grid in GRID}
        for one in GRID:
            for other in GRID[: GRID.index(one)]:
                distance = relative_error(found[one], found[other])
                assert (distance < TOLERANCE) == ({one, other} == same), (one, other)


@pytest.mark.parametrize("cell", zoo.CELLS)
def test_exact_in_the_limit_and_only_there(cell: str) -> None:
    net, params, batch = case(cell, "learned start", 6, 2)
    want = exact(cell, "learned start", 6, 2)
    for k1, k2 in ((6, 6), (1, 6), (3, 6), (4, 8), (50, 50)):
        grads = TruncatedBPTT(net, k1, k2).gradient(params, batch).grads
        assert relative_error(grads.flat(), want.flat()) < TOLERANCE, (k1, k2)
    for k1, k2 in ((3, 3), (1, 2), (3, 4)):
        grads = TruncatedBPTT(net, k1, k2).gradient(params, batch).grads
        assert relative_error(grads.flat(), want.flat()) > 1e-6, (k1, k2)


@pytest.mark.parametrize("setting", ["no mask", "teacher, learned start"])
def test_equal_windows_are_bptt_on_stretches(setting: str) -> None:
    """k1 = k2 = 3 on eight steps: BPTT on steps 1-3, 4-6, 7-8, the state carried over."""
    net, params, batch = case("mixed stack", setting, 8, 2)
    total, state = params.zeros_like(), batch.initial_state
    fixed = Network(net.cell, net.readout, net.loss, False, net.teacher_forcing)
    for start in (0, 3, 6):
        stretch = piece(batch, start, min(start + 3, 8), state)
        use = net if start == 0 else fixed
        kept = Params({n: a for n, a in params.items() if n in use.shapes})
        share = BPTT(use).gradient(kept, stretch).grads
        total = total + Params({n: share.get(n, 0 * params[n]) for n in params})
        state = use.forward(kept, stretch).states[-1]
    got = TruncatedBPTT(net, 3, 3).gradient(params, batch).grads
    assert compare(got, total).max_relative < TOLERANCE


@pytest.mark.parametrize("window", [1, 2, 4])
def test_one_loss_goes_back_over_the_last_steps(window: int) -> None:
    """k1 = 1: a loss at step 6 alone sees the last k2 steps and nothing before them."""
    net, params, batch = case("GRU", "no mask", 6, 2)
    only = np.zeros((6, 2))
    only[-1] = 1
    late = Batch(batch.inputs, batch.targets, only, batch.initial_state)
    start = net.forward(params, batch).states[6 - window]
    tail = piece(late, 6 - window, 6, start)
    got = TruncatedBPTT(net, 1, window).gradient(params, late).grads
    assert compare(got, BPTT(net).gradient(params, tail).grads).max_relative < TOLERANCE


def test_a_learned_start_hears_only_windows_that_reach_it() -> None:
    net, params, batch = case("LSTM", "learned start", 6, 2)
    for k1, k2, heard in ((1, 1, 1), (1, 3, 3), (2, 2, 2), (2, 5, 4), (3, 3, 3)):
        mask = batch.mask.copy()
        mask[heard:] = 0
        first = Batch(batch.inputs, batch.targets, mask)
        want = BPTT(net).gradient(params, first).grads["initial_state"]
        got = TruncatedBPTT(net, k1, k2).gradient(params, batch).grads["initial_state"]
        assert relative_error(got, want) < TOLERANCE, (k1, k2)


def test_step_by_step() -> None:
    """The shares come at the ends of windows, the rest with flush; the window stays short."""
    net, params, batch = case("mixed stack", "teacher, learned start", 8, 2)
    learner, outputs = TruncatedBPTT(net, 3, 4), net.forward(params, batch).outputs
    memory, total, loss, kept = learner.init(params, 2), params.zeros_like(), 0.0, []
    for t in range(8):
        step = (batch.inputs[t], batch.targets[t], batch.weights[t])
        memory, out = learner.step(params, memory, *step)
        total, loss = total + out.grads, loss + out.loss
        assert (out.grads.select("cell.").norm() > 0) == ((t + 1) % 3 == 0)
        kept.append(len(memory.past))
        np.testing.assert_allclose(out.output, outputs[t], rtol=1e-12)
    assert kept == [1, 2, 1, 2, 3, 1, 2, 3]
    rest = learner.flush(params, memory)
    assert rest.norm() > 0
    want = learner.gradient(params, batch)
    assert compare(total + rest, want.grads).max_relative < TOLERANCE
    assert loss == pytest.approx(want.loss, rel=1e-13)
    assert learner.flush(params, learner.init(params, 2)).norm() == 0


def test_what_a_loss_sees_does_not_depend_on_the_end() -> None:
    """The gradient of the first steps' losses is the same, wherever the sequence ends."""
    net, params, batch = case("LSTM", "no mask", 7, 2)
    learner = TruncatedBPTT(net, 3, 4)
    for stop in range(1, 7):
        mask = np.zeros((7, 2))
        mask[:stop] = 1
        long = Batch(batch.inputs, batch.targets, mask, batch.initial_state)
        short = piece(batch, 0, stop, batch.initial_state)
        got = learner.gradient(params, short).grads
        assert compare(got, learner.gradient(params, long).grads).max_relative < TOLERANCE


def test_memory_is_a_value() -> None:
    net, params, batch = case("LSTM", "no mask", 6, 2)
    learner = TruncatedBPTT(net, 2, 3)
    memory = learner.init(params, 2, batch.initial_state)
    for t in range(3):
        memory, _ = learner.step(params, memory, batch.inputs[t], batch.targets[t])
    branches = [learner.step(params, memory, batch.inputs[3], batch.targets[3]) for _ in range(2)]
    assert branches[0][1].grads == branches[1][1].grads
    assert branches[0][1].grads.norm() > 0


@pytest.mark.parametrize("hidden", [2, 4, 8])
@pytest.mark.parametrize(("k1", "k2"), [(1, 4), (3, 6), (5, 5)])
def test_cost(k1: int, k2: int, hidden: int) -> None:
    """Pulls a step are k2 / k1 once windows are full; the numbers kept are k2 steps' worth."""
    pulls = 0

    class Counted(Vanilla):
        def pull(self, weights, tape, s_bar):  # type: ignore[no-untyped-def]
            nonlocal pulls
            pulls += 1
            return super().pull(weights, tape, s_bar)

    net = Network(Counted(1, hidden), Units([0]), SquaredError())
    params = net.init_params(np.random.default_rng(0))
    learner, memory = TruncatedBPTT(net, k1, k2), None
    memory, longest = learner.init(params), 0
    for t in range(90):
        if t == 30:
            pulls = 0
        memory, _ = learner.step(params, memory, np.ones(1), np.ones(1))
        longest = max(longest, sum(past.h_bar.size for past in memory.past))
    assert pulls * k1 == 60 * k2
    assert longest == (k2 - 1) * hidden  # after a step; the k2-th is added, used and let go


def test_float32_follows_the_inputs() -> None:
    net, params, batch = case("mixed stack", "learned start", 6, 2)
    half = Batch(batch.inputs.astype("f4"), batch.targets.astype("f4"), batch.mask)
    single = TruncatedBPTT(net, 2, 3).gradient(params.astype("f4"), half)
    double = TruncatedBPTT(net, 2, 3).gradient(params, batch)
    assert single.grads.dtype == np.float32
    assert np.asarray(single.loss).dtype == np.float32
    assert compare(single.grads, double.grads).max_relative < 1e-4


def test_the_card() -> None:
    learner = TruncatedBPTT(zoo.network("LSTM"), 2, 3)
    assert (learner.kind, learner.online, learner.random) == ("biased", True, False)
    assert learner.card.limit
    assert "k1=2, k2=3" in repr(learner)


def test_bad_arguments_are_refused() -> None:
    net = zoo.network("LSTM")
    with pytest.raises(ValueError, match="k1: expected a positive integer"):
        TruncatedBPTT(net, 0, 3)
    with pytest.raises(TypeError, match="k2: expected a positive integer"):
        TruncatedBPTT(net, 1, 2.5)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="k2: expected at least k1 = 4"):
        TruncatedBPTT(net, 4, 3)
    with pytest.raises(TypeError, match="network"):
        TruncatedBPTT("LSTM", 1, 1)  # type: ignore[arg-type]
