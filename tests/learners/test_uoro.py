"""UORO: the mean over all sign patterns is the exact gradient, and no single one is."""

import numpy as np
import pytest

from rnncore import BPTT, GRU, LSTM, Batch, Linear, Network, SquaredError, Units, Vanilla
from rnncore.learners import noise as chance
from rnncore.learners.noise import Given, all_signs
from rnncore.learners.uoro import UORO
from rnncore.verify import compare, complex_step, relative_error
from tests.learners.test_exact import RECURRENT
from tests.learners.test_uoro_stretch import StepByStep
from tests.support import zoo
from tests.support.chance import (
    all_but_the_last,
    alone,
    case,
    mean_over,
    sample,
    tiled,
    variance_against_time,
)

SMALL = {"vanilla": Vanilla(1, 2), "LSTM": LSTM(1, 1), "GRU": GRU(1, 2)}


def small(cell: str, setting: str) -> Network:
    s, made = zoo.SETTINGS[setting], SMALL[cell]
    readout = Units([0]) if "teacher" in setting else s.outputs(made)
    return Network(
        made,
        readout,
        s.loss(),
        s.learn_initial_state,
        s.teacher_forcing,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("setting", RECURRENT)
@pytest.mark.parametrize("cell", SMALL)
def test_mean_over_all_signs(cell: str, setting: str) -> None:
    """Six steps (five, where the start draws signs too): 1024 patterns of 2 units."""
    net = small(cell, setting)
    steps = 5 if net.learn_initial_state else 6
    params, batch, exact = case(net, setting, steps, seed=2)
    rows = all_but_the_last(10, 2)
    mean = mean_over(UORO(net), params, batch, rows)
    assert compare(mean, exact).max_relative < 1e-12
    far = [relative_error(alone(UORO(net), params, batch, r), exact.flat()) for r in rows[:256:9]]
    assert np.min(far) > 0.01 and np.median(far) > 0.02


@pytest.mark.parametrize("cell", zoo.CELLS)
def test_mean_over_all_signs_on_every_cell(cell: str) -> None:
    """As many steps as 12 signs allow, always two at least."""
    net = zoo.network(cell, "squared error")
    size = net.cell.state_size
    steps = 1 + max(12 // size, 1)
    params, batch, exact = case(net, "squared error", steps, seed=3)
    rows = all_but_the_last(size * (steps - 1), size)
    assert compare(mean_over(UORO(net), params, batch, rows), exact).max_relative < 1e-12
    single = alone(UORO(net), params, batch, rows[5])
    assert relative_error(single, exact.flat()) > 1e-3


@pytest.mark.parametrize("cell", [c for c in zoo.CELLS if zoo.CELLS[c]().state_size <= 6])
@pytest.mark.parametrize("setting", ["learned start", "teacher, learned start"])
def test_mean_over_all_signs_with_a_learned_start(cell: str, setting: str) -> None:
    net = zoo.network(cell, setting)
    size = net.cell.state_size
    steps = 12 // size
    params, batch, exact = case(net, setting, steps, seed=4)
    rows = all_but_the_last(size * steps, size)
    assert compare(mean_over(UORO(net), params, batch, rows), exact).max_relative < 1e-12


def test_one_run_for_each_pattern() -> None:
    """The same mean without the batch: 64 runs. The last step's own signs count for nothing."""
    net = small("vanilla", "squared error")
    params, batch, exact = case(net, "squared error", 4)
    every = [alone(UORO(net), params, batch, row) for row in all_but_the_last(6, 2)]
    assert relative_error(np.mean(every, axis=0), exact.flat()) < 1e-12
    assert len(np.unique(np.round([e[2] for e in every], 12))) > 16
    other = np.append(all_signs(6)[11], [-1, 1])
    np.testing.assert_array_equal(alone(UORO(net), params, batch, other), every[11])


def test_a_sign_used_again_is_biased() -> None:
    """The check can fail: the same signs at each step."""
    for cell in SMALL:
        net = small(cell, "squared error")
        params, batch, exact = case(net, "squared error", 6)
        again = mean_over(UORO(net), params, batch, np.tile(all_signs(2), (1, 6)))
        assert relative_error(again.flat(), exact.flat()) > 0.01, cell


@pytest.mark.parametrize(("even", "error"), [(True, (0, 1e-12)), (False, (0.01, np.inf))])
def test_scalings_may_know_norms_but_no_sign(monkeypatch, even: bool, error) -> None:
    """Any scaling that is even in the signs leaves the mean alone; another does not."""
    true = chance.balance

    def scaled(left: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        a, b = true(left, right)
        first = left[:, :1] ** 2 * right[:, :1] ** 2 if even else left[:, :1]
        factor = 1.3 + np.tanh(first)
        return a * factor, b / factor

    monkeypatch.setattr(chance, "balance", scaled)
    net = small("GRU", "squared error")
    params, batch, exact = case(net, "squared error", 5)
    mean = mean_over(StepByStep(net), params, batch, all_but_the_last(8, 2))
    assert error[0] <= relative_error(mean.flat(), exact.flat()) <= error[1]


def test_scalings_lower_the_variance(monkeypatch) -> None:
    net = small("LSTM", "squared error")
    params, batch, _ = case(net, "squared error", 6, seed=2)
    rows = all_but_the_last(10, 2)
    learner = StepByStep(net)
    spread = [np.var([alone(learner, params, batch, r) for r in rows[::8]], axis=0).sum()]
    monkeypatch.setattr(chance, "balance", lambda left, right: (left, right))
    spread += [np.var([alone(learner, params, batch, r) for r in rows[::8]], axis=0).sum()]
    assert spread[0] < 0.5 * spread[1]


def scaled(left: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """rho left and right / rho; nothing where the product is zero."""
    one, other = np.linalg.norm(left), np.linalg.norm(right)
    if one == 0 or other == 0:
        return 0 * left, 0 * right
    rho = np.sqrt(other / one)
    return rho * left, right / rho


def by_definition(net: Network, params, batch: Batch, rows: np.ndarray) -> np.ndarray:
    """The paper's recursion on dense Jacobians, one sequence at a time."""
    cell, total = net.cell, np.zeros(params.size)
    weights = net.prepare(params, batch.inputs)
    learned = net.learn_initial_state
    for b in range(batch.size):
        one = Batch(
            batch.inputs[:, b : b + 1],
            batch.targets[:, b : b + 1],
            batch.mask[:, b : b + 1],
            None if batch.initial_state is None else batch.initial_state[b : b + 1],
        )
        s, nus = (
            net.initial(weights, 1, one.initial_state),
            iter(rows[b].reshape(-1, cell.state_size)),
        )
        tangent, row = np.zeros(cell.state_size), np.zeros(cell.size + learned * cell.state_size)
        if learned:
            tangent = next(nus)
            row[cell.size :] = tangent
        for t in range(batch.steps):
            nu = next(nus)
            record = net.record(weights, s, one, t, t + 1)
            tape, s = record.tapes[0], record.last
            jacobian = cell.state_jacobian(weights.cell, tape)[0]
            immediate = np.zeros((cell.state_size, len(row)))
            immediate[:, : cell.size] = cell.immediate_jacobian(weights.cell, tape)[0].T
            bar = np.zeros(cell.state_size)
            bar[cell.output] = net.readout.pull(weights.readout, record.z_bar[0], cell.output_size)[
                0
            ]
            grad = (bar @ jacobian @ tangent) * row + bar @ immediate
            own = net.readout.collect(record.shown, record.z_bar)
            flat = [grad[: cell.size], *(a.ravel() for a in own.values()), grad[cell.size :]]
            total += np.concatenate(flat) / batch.size
            past, new = scaled(jacobian @ tangent, row), scaled(nu, nu @ immediate)
            tangent, row = past[0] + new[0], past[1] + new[1]
            if record.forced[0] is not None:
                tangent = np.where(record.forced[0][0], 0, tangent)
    return total


@pytest.mark.parametrize("setting", ["squared error", "teacher, learned start"])
@pytest.mark.parametrize("cell", zoo.CELLS)
def test_every_pattern_is_the_definition(cell: str, setting: str) -> None:
    rng = np.random.default_rng(7)
    net = zoo.network(cell, setting)
    params = zoo.random_params(net, rng)
    if cell == "vanilla relu":
        params = params.replace(**{"cell.b": np.ones(3)})
    batch = zoo.random_batch(net, setting, rng, 5, 2)
    draws = net.cell.state_size * (5 + net.learn_initial_state)
    rows = chance.signs(rng, (2, draws))
    got = UORO(net).gradient(params, batch, Given(rows)).grads.flat()
    assert relative_error(got, by_definition(net, params, batch, rows)) < 1e-12


def test_sampled_signs_and_normal_numbers() -> None:
    """The mean lies within its standard error, which is small enough to mean something."""
    net = zoo.network("LSTM", "learned start")
    params, batch, exact = case(net, "learned start", 8)
    for kind in ("signs", "gaussian"):
        mean, error, variance = sample(UORO(net, kind), params, batch, runs=30, size=300)
        alive = error > 1e-12  # the read-out has no noise
        z = (mean - exact.flat())[alive] / error[alive]
        assert np.abs(z).max() < 4.5 and 0.3 < np.sqrt(np.mean(z**2)) < 1.6, kind
        assert np.linalg.norm(error) < 0.03 * exact.norm()
        assert variance > 0.1 * exact.norm() ** 2


def test_variance_grows_with_time() -> None:
    ratios = variance_against_time(UORO, (1, 2, 10), runs=5, size=40)
    assert ratios[0] == pytest.approx(0, abs=1e-20)
    assert 0 < ratios[1] < ratios[2]


def test_it_learns_online() -> None:
    """Steps with changing parameters: the loss of a stream falls."""
    rng = np.random.default_rng(8)
    net = Network(Vanilla(1, 4), Linear(4, 1), SquaredError())
    learner, params = UORO(net), net.init_params(np.random.default_rng(0))
    memory, losses, last = learner.init(params, rng=rng), [], 0.0
    for _ in range(600):
        x = rng.choice([-1.0, 1.0], size=1)
        memory, out = learner.step(params, memory, x, np.array([0.5 * last]))
        params, last = params - 0.05 * out.grads, x[0]
        losses.append(out.loss)
    assert np.mean(losses[-100:]) < 0.3 * np.mean(losses[:100])


def test_what_it_declares() -> None:
    learner = UORO(zoo.network("LSTM"))
    assert (learner.kind, learner.online, learner.random) == ("unbiased", True, True)
    assert learner.card.time == learner.card.memory == "P"


def test_memory_is_of_the_size_of_the_parameters() -> None:
    net = zoo.network("LSTM")
    params, batch, _ = case(net, "squared error", 3)
    learner = UORO(net)
    memory = learner.init(params, 5, rng=np.random.default_rng(0))
    held = sum(array.size for array in memory[:3])
    assert held == 5 * (2 * net.cell.state_size + net.cell.size)
    kept = memory.row.copy(), memory.tangent.copy()
    many = tiled(batch, 5)
    learner.step(params, memory, many.inputs[0], many.targets[0], many.mask[0])
    np.testing.assert_array_equal(memory.row, kept[0])
    np.testing.assert_array_equal(memory.tangent, kept[1])


def test_dtypes() -> None:
    """Single precision stays single; a complex step passes through the estimate."""
    net = zoo.network("GRU", "learned start")
    params, batch, _ = case(net, "learned start", 4)
    half = Batch(batch.inputs.astype("f4"), batch.targets.astype("f4"), batch.mask)
    loss, grads = UORO(net).gradient(params.astype("f4"), half, np.random.default_rng(0))
    assert grads.dtype == np.float32 and np.asarray(loss).dtype == np.float32
    rows = chance.signs(np.random.default_rng(1), (1, 15))
    double = UORO(net).gradient(params, batch, Given(rows)).grads
    single = UORO(net).gradient(params.astype("f4"), half, Given(rows)).grads
    assert compare(single, double).max_relative < 1e-4

    def entry(p) -> complex:
        return UORO(net).gradient(p, batch, Given(rows)).grads["cell.U"][0, 1]

    slope, h = complex_step(entry, params)["cell.W"][0, 0], 1e-6
    step = params.zeros_like().unflatten(np.eye(params.size)[0] * h)
    assert slope == pytest.approx((entry(params + step) - entry(params - step)) / (2 * h), rel=1e-6)


def test_noise() -> None:
    rng = np.random.default_rng(0)
    drawn = chance.signs(rng, (1000, 3))
    assert set(np.unique(drawn)) == {-1, 1} and abs(drawn.mean()) < 0.1
    normal = chance.gaussian(rng, (2000, 3), np.complex128)
    assert normal.dtype == np.float64 and abs(normal.std() - 1) < 0.05
    assert chance.signs(rng, (2, 2), np.float32).dtype == np.float32
    every = all_signs(5)
    assert every.shape == (32, 5) and len(np.unique(every, axis=0)) == 32
    np.testing.assert_array_equal(every.T @ every, 32 * np.eye(5))
    left, right = rng.standard_normal((3, 4)), rng.standard_normal((3, 5, 2))
    left[1], right[2] = 0, 0
    a, b = chance.balance(left, right)
    np.testing.assert_allclose(a[0][:, None, None] * b[0], left[0][:, None, None] * right[0])
    assert np.linalg.norm(a[0]) == pytest.approx(np.linalg.norm(b[0]))
    assert np.abs(np.concatenate([a[1:].ravel(), b[1:].ravel()])).max() == 0
    ratio, inverse = chance.scalings(np.array([1.0, 0, 3, 0]), np.array([4.0, 2, 0, 0]))
    np.testing.assert_array_equal([ratio, inverse], [[2, 0, 0, 0], [0.5, 0, 0, 0]])


def test_bad_arguments_are_named() -> None:
    net = zoo.network("LSTM")
    params, batch, _ = case(net, "squared error", 3)
    with pytest.raises(TypeError, match="rng: UORO draws random numbers"):
        UORO(net).gradient(params, batch)
    with pytest.raises(TypeError, match="rng: expected a numpy.random.Generator"):
        UORO(net).gradient(params, batch, 3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="noise: expected one of"):
        UORO(net, noise="uniform")
    with pytest.raises(TypeError, match="network: expected a Network"):
        UORO("LSTM")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="rows: expected 1 rows with 6 more numbers, got 2"):
        UORO(net).gradient(params, batch, Given(np.ones((2, 40))))
    with pytest.raises(ValueError, match="with 6 more numbers, got 1 rows with 4"):
        UORO(net).gradient(params, batch, Given(np.ones((1, 10))))
    with pytest.raises(ValueError, match="rows: expected shape"):
        Given(np.ones(3))
    with pytest.raises(ValueError, match="count: expected a positive integer"):
        all_signs(0)
    assert BPTT(net).random is False
