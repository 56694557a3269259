"""Diagonal RTRL: exact wherever the recurrence is diagonal, at O(P) a step."""

import numpy as np
import pytest

from rnncore import RTRL, Batch, Linear, Masked, Network, SquaredError
from rnncore.cells import influence, pointwise
from rnncore.cells.diagonal import DiagonalCell, DiagonalLSTM, FocusedContext, LinearRecurrentUnit
from rnncore.learners.focused import DiagonalRTRL
from rnncore.learners.snap import SnAp
from rnncore.verify import compare, relative_error
from tests.learners.test_exact import case
from tests.support import zoo


def diagonal(name: str) -> bool:
    cell = zoo.CELLS[name]()
    return isinstance(cell.cell if isinstance(cell, Masked) else cell, DiagonalCell)


CELLS = [name for name in zoo.CELLS if diagonal(name)]


def exact(cell: str, setting: str) -> None:
    net, params, batch, truth = case(cell, setting, 6, 2)
    loss, grads = DiagonalRTRL(net).gradient(params, batch)
    result = compare(grads, truth)
    assert result.max_relative < 1e-12, str(result)
    assert loss == pytest.approx(net.evaluate(params, batch), rel=1e-13)


@pytest.mark.parametrize("setting", zoo.SETTINGS)
@pytest.mark.parametrize("cell", CELLS)
def test_exact(cell: str, setting: str) -> None:
    exact(cell, setting)


@pytest.mark.parametrize(("steps", "size"), [(1, 1), (2, 3), (13, 2)])
@pytest.mark.parametrize("cell", CELLS)
def test_exact_at_every_shape(cell: str, steps: int, size: int) -> None:
    net, params, batch, truth = case(cell, "learned start", steps, size)
    assert compare(DiagonalRTRL(net).gradient(params, batch).grads, truth).max_relative < 1e-12


@pytest.mark.parametrize("cell", CELLS)
def test_the_trace_is_the_influence_matrix(cell: str) -> None:
    """All that is not zero in RTRL's matrix, entry by entry, and the teacher's zeros too."""
    rng = np.random.default_rng(1)
    net = zoo.network(cell, "teacher, learned start")
    params = zoo.random_params(net, rng)
    batch = zoo.random_batch(net, "teacher, learned start", rng, steps=4)
    learner, full = DiagonalRTRL(net), RTRL(net)
    one, other = learner.init(params, 2), full.init(params, 2)
    for t in range(4):
        step = (batch.inputs[t], batch.targets[t], batch.weights[t])
        one, _ = learner.step(params, one, *step)
        other, _ = full.step(params, other, *step)
        start = 0
        for name, trace in one.trace.items():
            _, blocks, gates, n, inputs = trace.shape
            rows = other.influence[:, start : start + gates * n * inputs]
            matrix = rows.reshape(2, gates, n, inputs, blocks, n).copy()
            own = np.einsum("bkidsi->bskid", matrix)
            if not isinstance(net.cell, Masked):  # the trace of a cut weight is not used
                assert relative_error(trace, own) < 1e-12 or np.abs(own).max() == 0, name
            own[:] = 0
            assert np.abs(matrix).max() == 0, name
            start += gates * n * inputs
        assert start == other.influence.shape[1]


@pytest.mark.parametrize("cell", CELLS)
def test_snap_at_saturation_keeps_the_same(cell: str) -> None:
    """Mozer's units and the diagonal LSTM are saturated at n = 1; a rotation needs n = 2."""
    net, params, batch, truth = case(cell, "squared error", 6, 2)
    saturation = SnAp(net).saturation
    assert saturation == (2 if cell == "linear recurrent unit" else 1)
    assert compare(SnAp(net, saturation).gradient(params, batch).grads, truth).max_relative < 1e-12


@pytest.mark.parametrize("make", [FocusedContext, DiagonalLSTM, LinearRecurrentUnit])
def test_it_costs_p(make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted at three sizes: numbers kept, and products of an update, for each parameter."""
    for n in (4, 8, 16):
        cell = make(n, n)
        net = Network(cell, Linear(cell.output_size, 1), SquaredError())
        for method in ("push", "pull", "influence_step", "influences"):
            monkeypatch.setattr(cell, method, None)
        for module in (influence, pointwise):
            monkeypatch.setattr(module, "jacobian", None)
        learner, params = DiagonalRTRL(net), net.init_params(np.random.default_rng(0))
        memory, _ = learner.step(params, learner.init(params), np.ones(n), np.ones(1))
        blocks = len(cell.states)
        assert sum(a.size for a in memory.trace.values()) == blocks * cell.size
        _, tape = cell.step(params.select("cell."), memory.state, np.ones((1, n)))
        assert len(tape.partials.ds) <= blocks**2  # one product each, for every parameter


def test_float32_and_class() -> None:
    net, params, batch, _ = case("diagonal LSTM", "learned start", 6, 2)
    learner = DiagonalRTRL(net)
    half = Batch(batch.inputs.astype("f4"), batch.targets.astype("f4"), batch.mask.astype("f4"))
    assert learner.gradient(params.astype("f4"), half).grads.dtype == np.float32
    assert (learner.kind, learner.online, learner.random) == ("exact", True, False)


@pytest.mark.parametrize("cell", [name for name in zoo.CELLS if name not in CELLS])
def test_other_cells_are_refused(cell: str) -> None:
    with pytest.raises(ValueError, match="network: diagonal RTRL"):
        DiagonalRTRL(zoo.network(cell))
    message = "exact only where no unit hears another"
    with pytest.raises(ValueError, match=message):
        DiagonalRTRL(Network(zoo.CELLS["leaky"](), Linear(3, 1), SquaredError()))


def test_the_check_can_fail() -> None:
    """A trace that forgets the decay is far from the truth."""
    net, params, batch, truth = case("focused context", "squared error", 6, 2)
    still = params.replace(**{"cell.d": np.zeros(3)})
    assert compare(DiagonalRTRL(net).gradient(still, batch).grads, truth).max_relative > 0.01
