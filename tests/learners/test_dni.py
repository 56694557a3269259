"""DNI: exact with an oracle for a critic, and otherwise what its definition says."""

from functools import cache

import numpy as np
import pytest

from rnncore import BPTT, Batch, Network, Params, SquaredError, Units, Vanilla
from rnncore.learners.dni import DNI, Critic
from rnncore.verify import compare, relative_error
from tests.learners.test_exact import PAIRS
from tests.support import zoo


@cache
def case(cell: str, setting: str, steps: int, size: int) -> tuple[Network, Params, Batch, Params]:
    """A network with random parameters, a batch, and the gradient that BPTT gives."""
    rng = np.random.default_rng([32, steps, size, len(cell), len(setting)])
    net = zoo.network(cell, setting)
    params = zoo.random_params(net, rng)
    batch = zoo.random_batch(net, setting, rng, steps, size)
    return net, params, batch, BPTT(net).gradient(params, batch).grads


class Oracle(Critic):
    """A critic that was told the adjoints."""

    def __init__(self, adjoints: np.ndarray) -> None:
        super().__init__()
        self.adjoints = adjoints

    def predict(self, matrix: np.ndarray, features: np.ndarray, step: int) -> np.ndarray:
        return self.adjoints[step + 1]


@pytest.mark.parametrize(("cell", "setting"), PAIRS)
def test_exact_with_an_oracle(cell: str, setting: str) -> None:
    net, params, batch, truth = case(cell, setting, 6, 2)
    learner = DNI(net, Oracle(BPTT(net).adjoints(params, batch)))
    loss, grads = learner.gradient(params, batch)
    assert compare(grads, truth).max_relative < 1e-12
    assert loss == pytest.approx(net.evaluate(params, batch), rel=1e-13)


@pytest.mark.parametrize("cell", ["vanilla tanh", "LSTM", "GRU", "mixed stack", "masked feedback"])
def test_its_own_target_is_the_oracle_s(cell: str) -> None:
    """With the true adjoint at the next step the bootstrapped target is the true adjoint."""
    for setting in ("learned start", "teacher"):
        net, params, batch, _ = case(cell, setting, 6, 2)
        errors = []

        class Watched(Oracle):
            def learn(self, matrix, features, error):  # type: ignore[no-untyped-def]
                errors.append(np.abs(error).max())  # noqa: B023
                return matrix

        adjoints = BPTT(net).adjoints(params, batch)
        DNI(net, Watched(adjoints)).run(params, batch)
        assert len(errors) == 6 and max(errors) < 1e-14 < 1e-3 < np.abs(adjoints).max()
        errors.clear()
        DNI(net, Watched(1.1 * adjoints)).run(params, batch)
        assert max(errors) > 1e-3


def by_definition(net: Network, params, batch: Batch, critic: Critic, a: np.ndarray):
    """Gradient and critic, with dense Jacobians and one sequence at a time."""
    weights, cell = net.prepare(params, batch.inputs, batch.initial_state), net.cell
    s = net.initial(weights, batch.size, batch.initial_state)
    total, size, before = np.zeros(params.size), batch.size, None
    for t in range(batch.steps):
        record = net.record(weights, s, batch, t, t + 1)
        free, tape = cell.step(weights.cell, s, batch.inputs[t])
        s, d = record.last, cell.state_jacobian(weights.cell, tape)
        f = cell.immediate_jacobian(weights.cell, tape)
        bars = net.readout.pull(weights.readout, record.z_bar[0], cell.output_size)
        grad, start = np.zeros(cell.size), np.zeros(cell.state_size)
        now, error, phis = [], np.zeros_like(a), []
        for b in range(size):
            seen = batch.targets[t, b]
            if batch.mask is not None:
                seen = seen * batch.mask[t, b]
            phi = np.concatenate([free[b], seen, [1.0]] if critic.sees_target else [free[b], [1.0]])
            c = a @ phi
            grad, start = grad + f[b] @ c, start + d[b].T @ c
            direct = np.zeros(cell.state_size)
            direct[cell.output] = bars[b]
            if before is not None:
                old_c, old_direct, old_forced, old_phi = before[b]
                later = d[b].T @ c
                if old_forced is not None:
                    later = np.where(old_forced, 0, later)
                error = error + np.outer(old_c - old_direct - later, old_phi) / size
            forced = None if record.forced[0] is None else record.forced[0][b]
            now.append((c, direct, forced, phi))
            phis.append(phi)
        a, before = a - critic.rate * error, now
        own = net.readout.collect(record.shown, record.z_bar)
        flat = [grad, *(array.ravel() for array in own.values())]
        if net.learn_initial_state:
            flat.append(start if t == 0 else 0 * start)
        total = total + np.concatenate(flat)
    last = sum(np.outer(c - direct, phi) for c, direct, _, phi in before) / size
    return total, a - critic.rate * last


@pytest.mark.parametrize("setting", ["learned start", "teacher, learned start"])
@pytest.mark.parametrize("cell", zoo.CELLS)
def test_it_is_its_definition(cell: str, setting: str) -> None:
    net, params, batch, truth = case(cell, setting, 6, 2)
    critic = Critic(rate=0.3, sees_target=setting != "learned start")
    learner, rng = DNI(net, critic), np.random.default_rng(0)
    a = 0.2 * rng.standard_normal(learner.init(params, 2).critic.shape)
    if setting == "teacher, learned start":
        a = 0 * a
    (_, grads), taught = learner.run(params, batch, a)
    want, critic_then = by_definition(net, params, batch, critic, a)
    assert relative_error(grads.flat(), want) < 1e-12
    assert relative_error(taught, critic_then) < 1e-12
    # Biased: no critic that saw six steps knows the adjoints. The read-out's part is exact.
    assert relative_error(grads.flat(), truth.flat()) > 0.01
    for name in truth:
        if name.startswith("readout."):
            assert relative_error(grads[name], truth[name]) < 1e-12


def test_a_critic_at_zero_gives_only_the_read_out() -> None:
    """Before the critic has learned anything the cell's gradient is zero."""
    net, params, batch, _ = case("GRU", "no mask", 6, 2)
    grads = DNI(net, Critic(rate=0)).gradient(params, batch).grads
    assert all((np.abs(grads[n]).max() > 0) == n.startswith("readout.") for n in grads)


def test_the_critic_finds_the_fixed_point() -> None:
    """A linear network that decays to zero has adjoints that are linear in the state.

    h_t = U h_{t-1}, l = |h|^2 / 2: the adjoint is A h_t with A = 1 + U^T A U.
    """
    rng = np.random.default_rng(0)
    net = Network(Vanilla(1, 3, "identity", bias=False), Units([0, 1, 2]), SquaredError())
    u = 0.8 * np.linalg.qr(rng.standard_normal((3, 3)))[0] @ np.diag([1.0, 0.7, 0.4])
    params = net.init_params(rng).replace(**{"cell.U": u})
    want = np.linalg.solve(np.eye(9) - np.kron(u.T, u.T), np.eye(3).ravel()).reshape(3, 3)
    learner, critic, zeros = (
        DNI(net, Critic(rate=0.4, sees_target=False)),
        None,
        np.zeros((2, 20, 3)),
    )
    fixed = np.concatenate([want / 20, np.zeros((3, 1))], axis=1)
    for _ in range(600):
        memory = learner.init(params, 20, rng.standard_normal((20, 3)), critic=critic)
        for t in range(2):
            memory, _ = learner.step(params, memory, np.zeros((20, 1)), zeros[t])
        critic = memory.critic
    assert relative_error(critic, fixed) < 1e-6
    # Bootstrapping matters: the part that the critic sees at once is far from it.
    assert relative_error(np.eye(3, 4) / 20, fixed) > 0.1


def test_a_learned_critic_is_better_than_none() -> None:
    """On a stream with fixed weights its gradient turns towards the exact one."""
    rng = np.random.default_rng(2)
    net = zoo.network("vanilla tanh", "no mask")
    params = zoo.random_params(net, rng)
    learner, critic = DNI(net, Critic(rate=0.1)), None
    x = rng.standard_normal((300, 4, 2))
    batch = Batch(x, np.stack([x[..., 0], np.roll(x[..., 1], 1, axis=0)], axis=-1))
    exact, errors = BPTT(net).gradient(params, batch).grads, []
    for _ in range(12):
        (_, grads), critic = learner.run(params, batch, critic)
        errors.append(relative_error(grads.flat(), exact.flat()))
    assert errors[-1] < 0.5 * errors[0]
    assert errors[-1] > 0.001  # and it stays biased: the adjoint is not linear in the state


def test_steps_sum_to_the_gradient_and_memory_is_a_value() -> None:
    net, params, batch, _ = case("LSTM", "learned start", 6, 2)
    learner, start = DNI(net, Critic(0.5)), np.full((6, 9), 0.1)
    memory, total = learner.init(params, 2, critic=start), params.zeros_like()
    for t in range(6):
        kept = memory.critic.copy()
        step = (batch.inputs[t], batch.targets[t], batch.weights[t])
        before, (memory, out) = memory, learner.step(params, memory, *step)
        np.testing.assert_array_equal(before.critic, kept)
        total = total + out.grads
    (_, want), _ = learner.run(params, batch, start)
    assert compare(total, want).max_relative < 1e-12
    assert np.abs(memory.critic - start).max() > 0.01


def test_classes_count_as_one_hot_rows() -> None:
    net, params, batch, _ = case("vanilla tanh", "classes", 6, 2)
    rows = Batch(batch.inputs, np.eye(3)[batch.targets], batch.mask, batch.initial_state)
    one, other = (DNI(net).run(params, b) for b in (batch, rows))
    assert compare(one[0].grads, other[0].grads).max_relative < 1e-12
    np.testing.assert_allclose(one[1], other[1])


def test_single_precision() -> None:
    net, params, batch, _ = case("mixed stack", "learned start", 6, 2)
    half = Batch(batch.inputs.astype("f4"), batch.targets.astype("f4"), batch.mask)
    start = np.full((9, 12), 0.1)
    (loss, grads), critic = DNI(net).run(params.astype("f4"), half, start)
    assert grads.dtype == critic.dtype == np.float32 and np.asarray(loss).dtype == np.float32
    (_, double), _ = DNI(net).run(params, batch, start)
    assert compare(grads, double).max_relative < 1e-4


def test_what_it_declares_and_refuses() -> None:
    net, params, _, _ = case("LSTM", "squared error", 6, 2)
    learner = DNI(net)
    assert (learner.kind, learner.online, learner.random) == ("biased", True, False)
    assert learner.card.limit
    with pytest.raises(ValueError, match="rate: expected a number from 0"):
        Critic(-1.0)
    with pytest.raises(ValueError, match="rate: expected finite"):
        Critic(float("nan"))
    with pytest.raises(TypeError, match="critic: expected a Critic, got float"):
        DNI(net, 0.1)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"critic: expected shape \(6, 10\), got \(6, 6\)"):
        learner.init(params, critic=np.ones((6, 6)))
