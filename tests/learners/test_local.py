"""RFLO, e-prop and the LSTM's rule of 1997: each equal to a definition that knows no trace.

The definition: run the network, keep its states, run it again with the kept h as the
input of the recurrent product. What the parameters do through U of an earlier step is then
a constant, and complex step sees the rest.
"""

from functools import cache

import numpy as np
import pytest

from rnncore import (
    BPTT,
    LSTM,
    Batch,
    Linear,
    Masked,
    MemoryCell,
    Network,
    Params,
    SquaredError,
    Vanilla,
)
from rnncore.cells import influence, pointwise
from rnncore.cells.diagonal import DiagonalCell, Leaky
from rnncore.cells.pointwise import PointwiseCell
from rnncore.learners.local import EProp, TruncatedLSTM
from rnncore.learners.random_feedback import RFLO, AdaptiveEProp, RandomEProp
from rnncore.verify import compare, complex_step, relative_error
from tests.support import zoo


def core(cell):
    return cell.cell if isinstance(cell, Masked) else cell


CELLS = [name for name in zoo.CELLS if isinstance(core(zoo.CELLS[name]()), PointwiseCell)]
OTHERS = [name for name in zoo.CELLS if name not in CELLS]
LOOPS = [name for name in CELLS if not isinstance(core(zoo.CELLS[name]()), DiagonalCell)]
CAROUSELS = ["LSTM", "LSTM 1997", "LSTM coupled", "memory cell", "masked LSTM"]
SYMMETRIC = ("squared error", "learned start", "teacher, learned start", "classes")
WITH_START = ("learned start", "teacher, learned start")
WITH_V = ("squared error", "learned start", "classes")


def made(cell: str, setting: str, steps: int = 5) -> tuple[Network, Params, Batch]:
    rng = np.random.default_rng([9, len(cell), len(setting)])
    net = zoo.network(cell, setting)
    params = zoo.random_params(net, rng)
    if cell == "vanilla relu":
        params = params.replace(**{"cell.b": np.ones(3)})
    return net, params, zoo.random_batch(net, setting, rng, steps)


def same(got: Params, want: Params) -> None:
    """Equal to 1e-12, name by name; zero where, and only where, the definition is zero."""
    dead = [name for name in want if not want[name].any()]
    # Without elementwise memory the start reaches the loss through U alone.
    assert set(dead) <= {"initial_state"}
    for name in dead:
        np.testing.assert_array_equal(got[name], 0)
    alive = [name for name in want if name not in dead]
    result = compare({k: got[k] for k in alive}, {k: want[k] for k in alive})
    assert result.max_relative < 1e-12, str(result)


def shown_with_frozen_input(net: Network, params: Params, at: Params, batch: Batch) -> list:
    """What the cell shows at each step, with the h of the run at ``at`` fed into U."""
    cell, n = core(net.cell), core(net.cell).hidden_size
    states, weights = net.forward(at, batch).states, net.prepare(params)
    w, s, shown = weights.cell, net.initial(weights, batch.size, batch.initial_state), []
    for t in range(batch.steps):
        u = cell.project(w, batch.inputs[t])
        v = states[t][:, :n] @ w["U"].T + w.get("b_h", 0.0) if "U" in cell.shapes else None
        if v is not None and not cell.apart:
            u, v = u + v, None
        blocks, _ = cell.at(w, s, u, v)
        s = np.concatenate(blocks, axis=1)
        shown.append(s[:, cell.output])
        weight = None if batch.weights is None else batch.weights[t]
        s, _ = net.force(s, batch.targets[t], weight)
    return shown


def loss_with_frozen_input(net: Network, params: Params, at: Params, batch: Batch):
    shown = np.stack(shown_with_frozen_input(net, params, at, batch))
    z, y = net.readout.forward(params.select("readout."), shown)
    values = net.loss.values(z, y, batch.targets)
    return (values if batch.weights is None else values * batch.weights).sum() / batch.size


def errors(net: Network, params: Params, batch: Batch) -> tuple[np.ndarray, np.ndarray]:
    """dl/dz (T, B, O), and what is shown (T, B, n), along the run."""
    shown = net.forward(params, batch).states[1:, :, net.cell.output]
    z, y = net.readout.forward(params.select("readout."), shown)
    adjoint = net.loss.adjoint(net.readout, z, y, batch.targets, batch.weights)
    return adjoint / batch.size, shown


def through_feedback(net: Network, params: Params, batch: Batch, feedback: list) -> Params:
    """sum_t dl_t/dz_t B_t dh_t/d theta with frozen input; the read-out's gradient is exact."""
    z_bar, _ = errors(net, params, batch)

    def surrogate(moved: Params):
        shown = shown_with_frozen_input(net, moved, params, batch)
        return sum((z @ b * h).sum() for z, b, h in zip(z_bar, feedback, shown, strict=True))

    own = complex_step(surrogate, params)
    exact = BPTT(net).gradient(params, batch).grads
    return Params({k: exact[k] if k.startswith("readout.") else own[k] for k in exact})


@cache
def symmetric_case(cell: str, setting: str) -> tuple[Network, Params, Batch, Params]:
    net, params, batch = made(cell, setting)
    want = complex_step(lambda p: loss_with_frozen_input(net, p, params, batch), params)
    return net, params, batch, want


def symmetric_agrees(rule, cell: str, setting: str) -> None:
    net, params, batch, want = symmetric_case(cell, setting)
    loss, got = rule(net).gradient(params, batch)
    same(got, want)
    assert loss == pytest.approx(net.evaluate(params, batch), rel=1e-13)
    assert want.norm() > 0.01


@pytest.mark.parametrize("setting", SYMMETRIC)
@pytest.mark.parametrize("cell", CELLS)
def test_eprop_is_the_gradient_with_frozen_input(cell: str, setting: str) -> None:
    symmetric_agrees(EProp, cell, setting)


@pytest.mark.parametrize("setting", SYMMETRIC)
@pytest.mark.parametrize("cell", CAROUSELS)
def test_the_rule_of_1997_is_the_gradient_with_frozen_input(cell: str, setting: str) -> None:
    symmetric_agrees(TruncatedLSTM, cell, setting)


def feedback_agrees(rule, cell: str, setting: str) -> None:
    net, params, batch = made(cell, setting)
    learner, rng = rule(net), np.random.default_rng(5)
    drawn = learner.init(params, 2, batch.initial_state, np.random.default_rng(5)).feedback
    assert drawn.shape == params["readout.V"].shape
    assert np.abs(drawn - params["readout.V"]).min() > 0
    want = through_feedback(net, params, batch, [drawn] * batch.steps)
    same(learner.gradient(params, batch, rng).grads, want)


@pytest.mark.parametrize("rule", [RFLO, RandomEProp])
@pytest.mark.parametrize("setting", WITH_V)
@pytest.mark.parametrize("cell", ["leaky", "LSTM peepholes", "GRU", "masked vanilla"])
def test_random_feedback(cell: str, setting: str, rule) -> None:
    feedback_agrees(rule, cell, setting)


@cache
def adaptive_case(cell: str, setting: str) -> tuple[Network, Params, Batch, np.ndarray, Params]:
    """With rate 0.3 and decay 0.1; B starts at random."""
    net, params, batch = made(cell, setting)
    b = [np.random.default_rng(6).standard_normal(params["readout.V"].shape)]
    for z_bar, shown in zip(*errors(net, params, batch), strict=True):
        b.append(b[-1] - 0.3 * (np.einsum("bo,bn->on", z_bar, shown) + 0.1 * b[-1]))
    return net, params, batch, b[0], through_feedback(net, params, batch, b[:-1])


def adaptive_agrees(cell: str, setting: str) -> None:
    net, params, batch, start, want = adaptive_case(cell, setting)
    same(AdaptiveEProp(net, 0.3, 0.1, feedback=start).gradient(params, batch).grads, want)
    fixed = RandomEProp(net, feedback=start).gradient(params, batch).grads
    assert compare(fixed, want).max_relative > 0.01


@pytest.mark.parametrize("setting", WITH_V)
@pytest.mark.parametrize("cell", ["leaky", "LSTM", "GRU"])
def test_adaptive_feedback(cell: str, setting: str) -> None:
    adaptive_agrees(cell, setting)


def rules(net: Network, params: Params) -> list:
    """Every rule that the cell allows, with B = V."""
    found: list = [EProp(net)]
    if isinstance(net.readout, Linear):
        v = params["readout.V"]
        found += [RFLO(net, v), RandomEProp(net, v), AdaptiveEProp(net, 0.0, feedback=v)]
    inner = core(net.cell)
    if isinstance(inner, LSTM | MemoryCell) and not inner.elementwise:
        found.append(TruncatedLSTM(net))
    return found


@pytest.mark.parametrize("setting", WITH_START)
@pytest.mark.parametrize("cell", CELLS)
def test_exact_without_recurrent_weights(cell: str, setting: str) -> None:
    net, params, batch = made(cell, setting)
    if cell in LOOPS:
        biased = BPTT(net).gradient(params, batch).grads
        params = params.replace(**{"cell.U": np.zeros(params["cell.U"].shape)})
        assert (biased - BPTT(net).gradient(params, batch).grads).norm() > 1e-3
    want = BPTT(net).gradient(params, batch).grads
    for learner in rules(net, params):
        same(learner.gradient(params, batch).grads, want)


@pytest.mark.parametrize("setting", WITH_START)
@pytest.mark.parametrize("cell", LOOPS)
def test_exact_for_one_step_and_biased_for_more(cell: str, setting: str) -> None:
    for steps in (1, 5):
        net, params, batch = made(cell, setting, steps)
        want = BPTT(net).gradient(params, batch).grads
        for learner in rules(net, params):
            got = learner.gradient(params, batch).grads
            for name in want:
                error = relative_error(got[name], want[name])
                if name.startswith("readout.") or (steps == 1 and name != "initial_state"):
                    assert error < 1e-12, (learner.name, name)
                elif steps == 5 and name == "cell.W":
                    assert error > 1e-3, (learner.name, name)


def test_the_rule_of_1997_from_the_paper() -> None:
    """Appendix A.1, weight by weight: carried derivatives of the cell state, and errors."""
    rng = np.random.default_rng(7)
    net = Network(LSTM(2, 3, forget_gate=False), Linear(3, 2), SquaredError())
    params = zoo.random_params(net, rng)
    x, target = rng.standard_normal((6, 2)), rng.standard_normal((6, 2))
    w = np.concatenate([params["cell.W"], params["cell.U"], params["cell.b"][:, None]], axis=1)
    y, state = np.zeros(3), np.zeros(3)
    by_in, by_cell, grads = np.zeros((3, 6)), np.zeros((3, 6)), np.zeros((9, 6))
    for t in range(6):
        source = np.concatenate([x[t], y, [1.0]])
        net_in, net_c, net_out = (w @ source).reshape(3, 3)
        y_in, y_out, g = 1 / (1 + np.exp(-net_in)), 1 / (1 + np.exp(-net_out)), np.tanh(net_c)
        state = state + y_in * g
        y = y_out * np.tanh(state)
        by_in += np.outer(g * y_in * (1 - y_in), source)
        by_cell += np.outer(y_in * (1 - g**2), source)
        error = params["readout.V"] @ y + params["readout.b"] - target[t]
        back = params["readout.V"].T @ error
        e_out = y_out * (1 - y_out) * np.tanh(state) * back
        e_s = y_out * (1 - np.tanh(state) ** 2) * back
        grads[:3] += e_s[:, None] * by_in
        grads[3:6] += e_s[:, None] * by_cell
        grads[6:] += np.outer(e_out, source)
    got = TruncatedLSTM(net).gradient(params, Batch(x, target)).grads
    assert relative_error(got["cell.W"], grads[:, :2]) < 1e-13
    assert relative_error(got["cell.U"], grads[:, 2:5]) < 1e-13
    assert relative_error(got["cell.b"], grads[:, 5]) < 1e-13


def test_rflo_from_the_paper() -> None:
    """p_ij = (1 - 1/tau) p_ij + (1/tau) f'(u_i) h_j, and [B eps]_i p_ij."""
    rng, tau = np.random.default_rng(8), 4.0
    net = Network(Leaky(1, 3, leak=1 / tau), Linear(3, 2, bias=False), SquaredError())
    params = net.init_params(rng)
    x, target, b = (rng.standard_normal(shape) for shape in ((7, 1), (7, 2), (2, 3)))
    h, p, total = np.zeros(3), np.zeros((3, 3)), np.zeros((3, 3))
    for t in range(7):
        u = params["cell.W"] @ x[t] + params["cell.U"] @ h + params["cell.b"]
        for i in range(3):
            for j in range(3):
                p[i, j] = (1 - 1 / tau) * p[i, j] + (1 / tau) * (1 - np.tanh(u[i]) ** 2) * h[j]
        h = h + (np.tanh(u) - h) / tau
        total += (b.T @ (params["readout.V"] @ h - target[t]))[:, None] * p
    got = RFLO(net, feedback=b).gradient(params, Batch(x, target)).grads["cell.U"]
    assert relative_error(got, total) < 1e-13


def test_adaptive_feedback_turns_into_symmetric() -> None:
    """Kolen & Pollack: V - B shrinks by 1 - rate decay at every step, whatever the data."""
    rng, rate, decay = np.random.default_rng(9), 0.05, 0.4
    net = Network(Leaky(1, 4), Linear(4, 2), SquaredError())
    params, learner = net.init_params(rng), AdaptiveEProp(net, rate, decay)
    memory = learner.init(params, rng=rng)
    first = params["readout.V"] - memory.feedback
    for _ in range(60):
        memory, out = learner.step(params, memory, rng.standard_normal(1), rng.standard_normal(2))
        moved = params - rate * out.grads
        decayed = moved["readout.V"] - rate * decay * params["readout.V"]
        params = moved.replace(**{"readout.V": decayed})
    last = params["readout.V"] - memory.feedback
    np.testing.assert_allclose(last, (1 - rate * decay) ** 60 * first, rtol=1e-10)


def test_feedback_lives_in_the_memory() -> None:
    net, params, batch = made("LSTM", "squared error")
    learner = RandomEProp(net)
    memory = learner.init(params, 2, batch.initial_state, np.random.default_rng(1))
    kept, trace = memory.feedback.copy(), {k: a.copy() for k, a in memory.trace.items()}
    after, one = learner.step(params, memory, batch.inputs[0], batch.targets[0])
    _, two = learner.step(params, memory, batch.inputs[0], batch.targets[0])
    np.testing.assert_array_equal(after.feedback, kept)
    assert one.grads == two.grads
    for name in trace:
        np.testing.assert_array_equal(memory.trace[name], trace[name])
    results = [learner.gradient(params, batch, np.random.default_rng(k)).grads for k in (1, 1, 2)]
    assert results[0] == results[1]
    assert results[0] != results[2]


@pytest.mark.parametrize("make", [Vanilla, LSTM])
def test_traces_cost_p(make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted at three sizes: S P numbers are kept, and no product with U is differentiated."""
    for n in (4, 8, 16):
        cell = make(n, n)
        net = Network(cell, Linear(n, 1), SquaredError())
        for method in ("push", "pull", "influence_step", "influences"):
            monkeypatch.setattr(cell, method, None)
        for module in (influence, pointwise):
            monkeypatch.setattr(module, "jacobian", None)
        learner, params = EProp(net), net.init_params(np.random.default_rng(0))
        memory, _ = learner.step(params, learner.init(params), np.ones(n), np.ones(1))
        assert sum(a.size for a in memory.trace.values()) == len(cell.states) * cell.size


def test_float32() -> None:
    net, params, batch = made("GRU", "squared error")
    x, d, m, s = (
        a.astype("f4") for a in (batch.inputs, batch.targets, batch.mask, batch.initial_state)
    )
    for learner in (EProp(net), RFLO(net), AdaptiveEProp(net, 0.1, 0.1)):
        rng = np.random.default_rng(0)
        out = learner.gradient(params.astype("f4"), Batch(x, d, m, s), rng)
        assert out.grads.dtype == np.float32, learner.name


@pytest.mark.parametrize("rule", [EProp, RFLO, RandomEProp, lambda n: AdaptiveEProp(n, 0.1)])
@pytest.mark.parametrize("cell", OTHERS)
def test_cells_without_elementwise_partials_are_refused(cell: str, rule) -> None:
    with pytest.raises(ValueError, match="network: .* needs a pointwise cell"):
        rule(zoo.network(cell))


def test_what_has_no_meaning_is_refused() -> None:
    lstm = zoo.network("LSTM")
    with pytest.raises(ValueError, match="network: the rule of 1997 runs along the carousel"):
        TruncatedLSTM(zoo.network("GRU"))
    with pytest.raises(ValueError, match="cuts the paths through peepholes"):
        TruncatedLSTM(zoo.network("LSTM peepholes"))
    with pytest.raises(ValueError, match="network: RFLO replaces the read-out's weights"):
        RFLO(zoo.network("LSTM", "teacher"))
    with pytest.raises(ValueError, match="feedback: expected shape"):
        RandomEProp(lstm, np.ones((2, 2)))
    with pytest.raises(ValueError, match="feedback: expected finite"):
        RandomEProp(lstm, np.full((3, 3), np.nan))
    with pytest.raises(ValueError, match="rate: expected a number of at least 0"):
        AdaptiveEProp(lstm, -1.0)
    with pytest.raises(ValueError, match="decay: expected a number of at least 0"):
        AdaptiveEProp(lstm, 0.1, np.inf)
    params = zoo.random_params(lstm, np.random.default_rng(0))
    with pytest.raises(TypeError, match="rng: RFLO draws random numbers"):
        RFLO(lstm).init(params)
    assert (EProp(lstm).kind, EProp(lstm).random, RFLO(lstm).random) == ("biased", False, True)
