"""SnAp-n against dense real-time recurrent learning with a mask, and exact at saturation."""

from functools import cache

import numpy as np
import pytest

from rnncore import BPTT, LSTM, RTRL, Batch, Linear, Masked, Network, SquaredError, Units, Vanilla
from rnncore.cells import Cell
from rnncore.cells.pointwise import PointwiseCell
from rnncore.learners.instant import instant
from rnncore.learners.snap import SnAp, colors, structure
from rnncore.verify import compare, complex_step_jacobian, relative_error
from tests.learners.test_exact import case
from tests.support import zoo

SETTINGS = ("squared error", "learned start", "teacher, learned start")


@cache
def seen(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Which entries of D and F are not zero, by complex step at points of its own."""
    cell: Cell = zoo.CELLS[name]()
    by_state = np.zeros((cell.state_size, cell.state_size), bool)
    by_params = np.zeros((cell.state_size, cell.size), bool)
    for seed in range(12 if name == "vanilla relu" else 2):
        rng = np.random.default_rng(seed)
        params = cell.init_params(rng).map(lambda a, r=rng: r.standard_normal(a.shape))
        s, x = rng.standard_normal((1, cell.state_size)), rng.standard_normal((1, cell.input_size))
        weights = cell.prepare(params)

        def of_state(at: np.ndarray, w=weights, x=x) -> np.ndarray:
            return cell.step(w, at, x)[0]

        def of_params(flat: np.ndarray, p=params, s=s, x=x) -> np.ndarray:
            return cell.step(cell.prepare(p.unflatten(flat)), s, x)[0]

        by_state |= complex_step_jacobian(of_state, s)[0, :, 0] != 0
        by_params |= complex_step_jacobian(of_params, params.flat())[0] != 0
    return by_state, by_params


@cache
def mask_of(name: str, steps: int, learned: bool) -> np.ndarray:
    """Entries reached in at most n steps: a sum over paths, where the package has a closure."""
    by_state, by_params = seen(name)
    first = by_params.T.astype(float)
    if learned:
        first = np.concatenate([first, np.eye(len(by_state))])
    power, total = np.eye(len(by_state)), np.zeros(first.shape)
    for _ in range(steps):
        total = total + first @ power.T
        power = by_state @ power
    return total > 0


def masked_rtrl(net: Network, params, batch: Batch, mask: np.ndarray):
    """The definition: a dense influence matrix, cut by the mask after each step."""
    learner = RTRL(net)
    weights = net.prepare(params)
    memory = learner.init(params, batch.size, batch.initial_state)
    s, influence = memory.state, memory.influence * mask
    flat, history = 0.0, []
    for t in range(batch.steps):
        weight = None if batch.weights is None else batch.weights[t]
        now, _ = instant(net, weights, s, batch.inputs[t], batch.targets[t], weight)
        influence = net.cell.influence_step(weights.cell, now.tape, influence) * mask
        flat = flat + np.einsum("bpn,bn->p", influence[..., net.cell.output], now.h_bar)
        if now.forced is not None:
            influence = influence * ~now.forced[:, None, :]
        s = now.state
        history.append(influence)
    return flat, history


def agrees(cell: str, setting: str, steps: int) -> None:
    """SnAp-n and its definition: the gradient, and the kept influence at every step."""
    rng = np.random.default_rng([3, len(cell), len(setting)])
    net = zoo.network(cell, setting)
    params = zoo.random_params(net, rng)
    batch = zoo.random_batch(net, setting, rng, steps=4)
    learner = SnAp(net, steps)
    mask = mask_of(cell, steps, net.learn_initial_state)
    np.testing.assert_array_equal(learner.pattern, mask)
    want, history = masked_rtrl(net, params, batch, mask)
    grads = learner.gradient(params, batch).grads
    own = [grads[name].ravel() for name in grads if not name.startswith("readout.")]
    assert relative_error(np.concatenate(own), want) < 1e-12
    readout = BPTT(net).gradient(params, batch).grads.select("readout.")
    if len(readout):
        assert compare(grads.select("readout."), readout).max_relative < 1e-12
    memory = learner.init(params, batch.size, batch.initial_state)
    for t in range(batch.steps):
        weight = batch.weights[t]
        memory, _ = learner.step(params, memory, batch.inputs[t], batch.targets[t], weight)
        dense = np.zeros_like(history[t])
        for row, kept in enumerate(mask):
            dense[:, row, kept] = memory.influence[:, : kept.sum(), row]
        assert relative_error(dense, history[t]) < 1e-12
        assert np.abs(history[t]).max() > 0


@pytest.mark.parametrize(("setting", "steps"), [*((s, 1) for s in SETTINGS), (SETTINGS[-1], 2)])
@pytest.mark.parametrize("cell", zoo.CELLS)
def test_masked_rtrl(cell: str, setting: str, steps: int) -> None:
    agrees(cell, setting, steps)


@pytest.mark.parametrize("setting", [SETTINGS[0], SETTINGS[-1]])
@pytest.mark.parametrize("cell", zoo.CELLS)
def test_exact_at_saturation(cell: str, setting: str) -> None:
    net, params, batch, truth = case(cell, setting, 6, 2)
    saturation = SnAp(net).saturation
    for steps in (saturation, saturation + 5):
        loss, grads = SnAp(net, steps).gradient(params, batch)
        result = compare(grads, truth)
        assert result.max_relative < 1e-12, str(result)
        assert loss == pytest.approx(net.evaluate(params, batch), rel=1e-13)
    if saturation > 1:  # one step before it is closed, something is missing
        short = SnAp(net, saturation - 1)
        assert mask_of(cell, 30, net.learn_initial_state)[~short.pattern].any()
        assert compare(short.gradient(params, batch).grads, truth).max_relative > 1e-5


@pytest.mark.parametrize("cell", zoo.CELLS)
def test_structure_is_that_of_the_cell(cell: str) -> None:
    got = structure(zoo.CELLS[cell]())
    by_state, by_params = seen(cell)
    np.testing.assert_array_equal(got.transition, by_state)
    np.testing.assert_array_equal(got.immediate, by_params.T)


def test_the_pattern_of_an_lstm_by_hand() -> None:
    """A weight of unit i enters h_i and c_i, one of its output gate h_i alone."""
    cell = LSTM(2, 3)
    learner = SnAp(Network(cell, Linear(3, 1), SquaredError()))
    want = np.zeros((cell.size, 2, 3), bool)
    row = 0
    for columns in (2, 3, 1):  # of W, U, b
        for gate in "ifgo":
            for unit in range(3):
                want[row : row + columns, 0, unit] = True
                want[row : row + columns, 1, unit] = gate != "o"
                row += columns
    np.testing.assert_array_equal(learner.pattern, want.reshape(cell.size, 6))
    assert learner.saturation == 2


def ring(units: int) -> Network:
    hears = np.eye(units) + np.roll(np.eye(units), 1, axis=0)
    return Network(Masked(Vanilla(1, units), {"U": hears}), Linear(units, 1), SquaredError())


def test_exact_for_sequences_of_at_most_n_steps() -> None:
    """On a ring influence travels one unit a step, so that every n up to its length differs."""
    net, rng = ring(6), np.random.default_rng(1)
    params = zoo.random_params(net, rng)
    x, d = rng.standard_normal((9, 1, 1)), rng.standard_normal((9, 1, 1))
    assert SnAp(net).saturation == 6
    for steps in range(1, 7):
        learner = SnAp(net, steps)
        for length in (steps, steps + 1, 9):
            start = np.full((1, 6), 0.3)
            batch = Batch(x[:length], d[:length], None, start)
            error = learner.gradient(params, batch).grads - BPTT(net).gradient(params, batch)[1]
            exact = length <= steps or steps == 6
            assert (error.norm() < 1e-13) == exact, (steps, length)
            assert exact or error.norm() > 1e-6


def test_a_chain_without_self_connections() -> None:
    """What is reached in one step stays in the pattern, also where the unit then forgets it."""
    net = Network(Masked(Vanilla(1, 4), {"U": np.eye(4, k=-1)}), Units([3]), SquaredError())
    want = np.zeros((4, 4), bool)
    for steps in range(1, 5):
        want |= np.eye(4, k=steps - 1, dtype=bool)
        np.testing.assert_array_equal(SnAp(net, steps).pattern[:4], want)  # the rows of W
    assert SnAp(net).saturation == 4
    rng = np.random.default_rng(2)
    params = zoo.random_params(net, rng)
    batch = Batch(rng.standard_normal((7, 1, 1)), rng.standard_normal((7, 1, 1)))
    want_grads = BPTT(net).gradient(params, batch).grads
    assert compare(SnAp(net, 4).gradient(params, batch).grads, want_grads).max_relative < 1e-12
    np.testing.assert_array_equal(SnAp(net, 3).gradient(params, batch).grads["cell.W"][0], 0)
    assert want_grads["cell.W"][0] != 0


def test_more_steps_come_closer() -> None:
    net, params, batch, truth = case("masked LSTM", "squared error", 6, 2)
    errors = [(SnAp(net, n).gradient(params, batch).grads - truth).norm() for n in (1, 2, 3)]
    assert errors[2] < 1e-12 < 0.01 < errors[1] < errors[0]


@pytest.mark.parametrize("make", [Vanilla, LSTM])
def test_one_step_costs_p(make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted: entries kept, adjoints pulled, and entries of D gathered, at three sizes."""
    counts = []
    for n in (4, 8, 16):
        cell: PointwiseCell = make(n, n)
        net = Network(cell, Linear(n, 1), SquaredError())
        learner, rng = SnAp(net), np.random.default_rng(0)
        pulled: list[int] = []
        pull = cell.pull

        def watched(weights, tape, s_bar, pull=pull, pulled=pulled):
            pulled.append(len(s_bar))
            return pull(weights, tape, s_bar)

        monkeypatch.setattr(cell, "pull", watched)
        # Neither N tangents nor a dense influence matrix are ever asked for.
        monkeypatch.setattr(cell, "push", None)
        monkeypatch.setattr(cell, "influence_step", None)
        params = net.init_params(rng)
        memory, _ = learner.step(params, learner.init(params), np.ones(n), np.ones(1))
        blocks = len(cell.states)
        assert memory.influence.shape == (1, blocks, cell.size)
        assert pulled == [blocks]
        products = learner.width**2 * cell.size
        counts.append((products + sum(pulled) * cell.size) / cell.size)
    assert counts[0] == counts[1] == counts[2]


def test_colors_keep_parameters_apart() -> None:
    """No parameter enters two states of one color, and there are few colors."""
    assert len(colors(np.array([[True, True]]))) == 2
    for name in zoo.CELLS:
        cell = zoo.CELLS[name]()
        immediate = structure(cell).immediate
        painted = colors(immediate)
        np.testing.assert_array_equal(painted.sum(axis=0), 1)
        assert ((immediate.astype(int) @ painted.T) <= 1).all()
        if isinstance(cell, PointwiseCell):
            assert len(painted) == len(cell.states)


def test_memory_is_a_value() -> None:
    net, rng = zoo.network("LSTM"), np.random.default_rng(0)
    params, learner = zoo.random_params(net, rng), SnAp(net)
    memory = learner.init(params, 1, rng.standard_normal(6))
    memory, _ = learner.step(params, memory, np.ones(2), np.ones(3))
    kept = memory.influence.copy()
    first, _ = learner.step(params, memory, np.ones(2), np.ones(3))
    again, _ = learner.step(params, memory, np.ones(2), np.ones(3))
    np.testing.assert_array_equal(memory.influence, kept)
    np.testing.assert_array_equal(first.influence, again.influence)


def test_float32_and_arguments() -> None:
    rng = np.random.default_rng(3)
    net = zoo.network("mixed stack", "learned start")
    params = zoo.random_params(net, rng)
    batch = zoo.random_batch(net, "learned start", rng)
    half = Batch(batch.inputs.astype("f4"), batch.targets.astype("f4"), batch.mask)
    single = SnAp(net, 2).gradient(params.astype("f4"), half)
    assert single.grads.dtype == np.float32
    assert np.asarray(single.loss).dtype == np.float32
    assert compare(single.grads, SnAp(net, 2).gradient(params, batch).grads).max_relative < 1e-4
    learner = SnAp(net)
    assert (learner.kind, learner.online, learner.random) == ("biased", True, False)
    with pytest.raises(ValueError, match="steps: expected a positive integer"):
        SnAp(net, 0)
    with pytest.raises(TypeError, match="steps"):
        SnAp(net, 1.5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="network: expected a Network"):
        SnAp("LSTM")  # type: ignore[arg-type]
