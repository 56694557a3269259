"""RTRL and the hybrid step by step: influence matrices, blocks, forcing, memory contracts."""

import numpy as np
import pytest

from rnncore import (
    BPTT,
    GRU,
    RTRL,
    Batch,
    CheckpointedBPTT,
    Hybrid,
    Linear,
    Network,
    Params,
    SquaredError,
    Vanilla,
)
from rnncore.cells.base import EVERY
from rnncore.learners import hybrid
from rnncore.verify import compare, complex_step_jacobian, relative_error
from tests.support import zoo


def cell_rows(net: Network, params: Params) -> Params:
    """The parameters that the influence matrix has rows for, in its order."""
    kept = {n: a for n, a in params.items() if n.startswith("cell.") or n == "initial_state"}
    return Params(kept)


def true_influence(net: Network, params: Params, batch: Batch) -> np.ndarray:
    """ds_t/d theta of every t by complex step through the whole forward pass, (T + 1, B, P, N)."""
    rows = cell_rows(net, params)

    def states(flat: np.ndarray) -> np.ndarray:
        moved = Params({**dict(params), **dict(rows.unflatten(flat))})
        return net.forward(moved, batch).states

    return complex_step_jacobian(states, rows.flat()).swapaxes(-1, -2)


@pytest.mark.parametrize("setting", ["learned start", "teacher", "teacher, learned start"])
@pytest.mark.parametrize("cell", zoo.CELLS)
def test_influence_entry_by_entry(cell: str, setting: str) -> None:
    """RTRL's influence matrix at every step, and the hybrid's q at the end of each block."""
    rng = np.random.default_rng([11, len(cell), len(setting)])
    net = zoo.network(cell, setting)
    params = zoo.random_params(net, rng)
    if cell == "vanilla relu":
        params = params.replace(**{"cell.b": np.ones(3)})
    batch = zoo.random_batch(net, setting, rng, steps=4, size=2)
    rtrl, hybrid = RTRL(net), Hybrid(net, block=2)
    one = rtrl.init(params, 2, batch.initial_state)
    other = hybrid.init(params, 2, batch.initial_state)
    truths = true_influence(net, params, batch)
    for t in range(4):
        step = (batch.inputs[t], batch.targets[t], batch.weights[t])
        one, _ = rtrl.step(params, one, *step)
        other, _ = hybrid.step(params, other, *step)
        assert relative_error(one.influence, truths[t + 1]) < 1e-12
        if t % 2 == 1:
            assert relative_error(other.influence, truths[t + 1]) < 1e-12


def test_influence_has_no_row_too_many() -> None:
    for setting, learned in (("squared error", 0), ("learned start", 6)):
        net = zoo.network("LSTM", setting)
        params = zoo.random_params(net, np.random.default_rng(0))
        influence = RTRL(net).init(params, 2).influence
        assert influence.shape == (2, net.cell.size + learned, 6)
        np.testing.assert_array_equal(influence[:, net.cell.size :], [np.eye(6)[:learned]] * 2)


@pytest.mark.parametrize("learner", [RTRL, lambda n: Hybrid(n, block=3)])
def test_steps_and_flush_sum_to_the_gradient(learner) -> None:
    rng = np.random.default_rng(2)
    net = zoo.network("mixed stack", "learned start")
    params = zoo.random_params(net, rng)
    batch = zoo.random_batch(net, "learned start", rng, steps=8)
    made = learner(net)
    memory, total, loss = made.init(params, 2), params.zeros_like(), 0.0
    for t in range(8):
        memory, out = made.step(params, memory, batch.inputs[t], batch.targets[t], batch.weights[t])
        total, loss = total + out.grads, loss + out.loss
        np.testing.assert_allclose(out.output, net.forward(params, batch).outputs[t], rtol=1e-12)
    total = total + made.flush(params, memory)
    want = BPTT(net).gradient(params, batch)
    assert compare(total, want.grads).max_relative < 1e-12
    assert loss == pytest.approx(want.loss, rel=1e-13)


def test_rtrl_gives_each_step_its_share() -> None:
    """The share of step t is the gradient of that step's loss alone."""
    rng = np.random.default_rng(4)
    net = zoo.network("GRU", "squared error")
    params = zoo.random_params(net, rng)
    batch = zoo.random_batch(net, "squared error", rng, steps=5)
    learner = RTRL(net)
    memory = learner.init(params, 2, batch.initial_state)
    for t in range(5):
        memory, out = learner.step(
            params, memory, batch.inputs[t], batch.targets[t], batch.weights[t]
        )
        only = np.zeros_like(batch.mask)
        only[t] = batch.mask[t]
        alone = Batch(batch.inputs, batch.targets, only, batch.initial_state)
        want = BPTT(net).gradient(params, alone).grads
        assert relative_error(out.grads.flat(), want.flat()) < 1e-12


def test_memory_is_a_value() -> None:
    """A step leaves the memory that it was given as it was, so a run can branch."""
    rng = np.random.default_rng(6)
    net = zoo.network("LSTM")
    params = zoo.random_params(net, rng)
    for learner in (RTRL(net), Hybrid(net, block=2)):
        memory = learner.init(params, 1, rng.standard_normal(6))
        for _ in range(2):
            memory, _ = learner.step(params, memory, rng.standard_normal(2), np.ones(3))
        kept = memory.influence.copy()
        first, _ = learner.step(params, memory, np.ones(2), np.ones(3))
        again, _ = learner.step(params, memory, np.ones(2), np.ones(3))
        np.testing.assert_array_equal(memory.influence, kept)
        np.testing.assert_array_equal(first.state, again.state)


def test_parameters_may_change_between_steps() -> None:
    """Online learning: the loss of a stream falls."""
    rng = np.random.default_rng(8)
    net = Network(Vanilla(1, 4), Linear(4, 1), SquaredError())
    for learner in (RTRL(net), Hybrid(net, block=4)):
        params = net.init_params(np.random.default_rng(0))
        memory, losses, last = learner.init(params), [], 0.0
        for _ in range(600):
            x = rng.choice([-1.0, 1.0], size=1)
            memory, out = learner.step(params, memory, x, np.array([0.5 * last]))
            params, last = params - 0.05 * out.grads, x[0]
            losses.append(out.loss)
        assert np.mean(losses[-100:]) < 0.2 * np.mean(losses[:100])


def test_a_single_mask_counts_for_the_step() -> None:
    net = zoo.network("LSTM")
    params = zoo.random_params(net, np.random.default_rng(1))
    learner = RTRL(net)
    memory, out = learner.step(params, learner.init(params), np.ones(2), np.ones(3), 0.0)
    assert out.loss == 0
    assert out.grads.norm() == 0
    assert np.abs(memory.influence).max() > 0


def test_bad_steps_are_refused() -> None:
    net = zoo.network("LSTM")
    params = zoo.random_params(net, np.random.default_rng(1))
    learner = RTRL(net)
    memory = learner.init(params)
    with pytest.raises(ValueError, match="inputs: expected 2 features, got 3"):
        learner.step(params, memory, np.ones(3), np.ones(3))
    with pytest.raises(ValueError, match="x: expected 1 sequences, got 2"):
        learner.step(params, memory, np.ones((2, 2)), np.ones((2, 3)))
    with pytest.raises(ValueError, match="inputs: expected finite"):
        learner.step(params, memory, np.array([1.0, np.nan]), np.ones(3))
    with pytest.raises(ValueError, match="initial_state: expected shape"):
        learner.init(params, 1, np.ones(5))
    with pytest.raises(ValueError, match="batch_size"):
        learner.init(params, 0)
    with pytest.raises(ValueError, match="initial_state: given, but this network learns"):
        RTRL(zoo.network("LSTM", "learned start")).init(
            zoo.random_params(zoo.network("LSTM", "learned start"), np.random.default_rng(1)),
            1,
            np.ones(6),
        )
    with pytest.raises(ValueError, match="block: expected a positive integer"):
        Hybrid(net, block=0)
    with pytest.raises(TypeError, match="network: expected a Network"):
        RTRL("LSTM")  # type: ignore[arg-type]


def test_vanished_adjoints_do_not_linger_among_the_subnormal_numbers(monkeypatch) -> None:
    """Over a long block in float32 the unit adjoints vanish: they become zero and stay there."""
    rng = np.random.default_rng(12)
    net = Network(Vanilla(2, 4), Linear(4, 1), SquaredError())
    params = net.init_params(rng).map(lambda a: 0.4 * a)
    batch = Batch(rng.standard_normal((300, 2)), rng.standard_normal((300, 1)))
    truth = BPTT(net).gradient(params, batch).grads
    tiny, seen, sweep = np.finfo(np.float32).tiny, [], net.cell.sweep

    def watched(*given, **named):  # type: ignore[no-untyped-def]
        swept = sweep(*given, **named)
        seen.extend([*swept[1].u][::-1])  # the adjoints of each step, from the last to the first
        return swept

    monkeypatch.setattr(net.cell, "sweep", watched)
    half = Batch(batch.inputs.astype("f4"), batch.targets.astype("f4"))
    grads = Hybrid(net, block=300).gradient(params.astype("f4"), half).grads
    units = np.array(seen)[:, :4]
    assert units.dtype == np.float32
    assert len(units) == 300
    assert (units[-1] == 0).all()
    assert ((units != 0) & (np.abs(units) < tiny)).mean() < 0.01
    assert compare(grads, truth).max_relative < 1e-5


def test_only_what_is_far_below_a_unit_is_dropped() -> None:
    adjoints = np.array([1, 1e-12, -1e-20, 1e-25, -1e-30], np.float32)
    small = adjoints.astype(complex)
    for array in (adjoints, small):
        hybrid.forget_vanished(array)
    np.testing.assert_array_equal(adjoints, np.array([1, 1e-12, -1e-20, 0, 0], np.float32))
    assert (small != 0).all()


def test_a_small_loss_is_not_dropped() -> None:
    """A loss adjoint of 1e-26 passes from one part of a block to the next, in float32."""
    rng = np.random.default_rng(14)
    net = Network(Vanilla(2, 4, "identity"), Linear(4, 1), SquaredError())
    params = net.init_params(rng).astype("f4")
    params = params.replace(**{"readout.V": 1e-26 * params["readout.V"]})
    steps = EVERY + 4
    x, mask = rng.standard_normal((steps, 2)), np.zeros(steps)
    mask[-1] = 1
    batch = Batch(x.astype("f4"), np.ones((steps, 1), "f4"), mask.astype("f4"))
    cut = params.replace(**{"cell.U": np.diag([1, -1, 1, -1]).astype("f4")})
    got = Hybrid(net, block=steps).gradient(cut, batch).grads
    want = BPTT(net).gradient(cut, batch).grads
    assert np.abs(want["cell.W"]).max() > 1e-27
    np.testing.assert_allclose(got["cell.W"], want["cell.W"], rtol=1e-3, atol=1e-29)


def test_flush_sweeps_for_the_loss_alone(monkeypatch) -> None:
    """An unfinished block needs no unit adjoints: its influence is not asked for."""
    rng = np.random.default_rng(13)
    net = zoo.network("LSTM", "learned start")
    params = zoo.random_params(net, rng)
    batch = zoo.random_batch(net, "learned start", rng, steps=5)
    counts, sweep = [], net.cell.sweep

    def watched(weights, tapes, s_bar, *said, **named):  # type: ignore[no-untyped-def]
        counts.append((len(tapes), len(s_bar)))
        return sweep(weights, tapes, s_bar, *said, **named)

    monkeypatch.setattr(net.cell, "sweep", watched)
    grads = Hybrid(net, block=3).gradient(params, batch).grads
    assert counts == [(3, net.cell.state_size + 1), (2, 1)]
    monkeypatch.undo()
    assert compare(grads, BPTT(net).gradient(params, batch).grads).max_relative < 1e-12


@pytest.mark.parametrize("learner", [CheckpointedBPTT, RTRL, Hybrid])
@pytest.mark.parametrize("params_dtype", [np.float32, np.float64])
def test_targets_may_be_wider_than_weights(learner: type, params_dtype: type) -> None:
    """Nothing of complex targets is lost, nor refused."""
    net = Network(GRU(2, 3), Linear(3, 1), SquaredError())
    rng = np.random.default_rng(12)
    params = net.init_params(rng, params_dtype)
    x, d = rng.standard_normal((5, 2, 2)), rng.standard_normal((2, 5, 2, 1))
    batch = Batch(x.astype(params_dtype), d[0] + 1j * d[1])
    got, want = (kind(net).gradient(params, batch).grads for kind in (learner, BPTT))
    tight = 1e-6 if params_dtype is np.float32 else 1e-13
    assert got.dtype == want.dtype == np.complex128
    assert np.abs(want.flat().imag).max() > 0.1
    assert relative_error(got.flat(), want.flat()) < tight
