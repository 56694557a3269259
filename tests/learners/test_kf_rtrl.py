"""KF-RTRL: the mean over all sign patterns is exact; where its form of F does not hold, no."""

import numpy as np
import pytest

from rnncore import Batch, Linear, Masked, Network, SquaredError, Vanilla
from rnncore.learners import noise as chance
from rnncore.learners.kf_rtrl import KFRTRL, factors
from rnncore.learners.noise import Given, all_signs
from rnncore.learners.uoro import UORO
from rnncore.verify import compare, relative_error
from tests.learners.test_exact import RECURRENT
from tests.support import zoo
from tests.support.chance import alone, case, mean_over, sample, variance_against_time

GOOD = (
    "vanilla tanh",
    "vanilla logistic",
    "vanilla relu",
    "vanilla identity",
    "vanilla without bias",
    "fully recurrent",
    "LSTM",
    "LSTM 1997",
    "LSTM coupled",
    "memory cell",
    "second order",
    "masked vanilla",
    "masked LSTM",
)


@pytest.mark.parametrize("setting", RECURRENT)
@pytest.mark.parametrize("cell", GOOD)
def test_mean_over_all_signs(cell: str, setting: str) -> None:
    """Five steps of two signs: 1024 patterns."""
    net = zoo.network(cell, setting)
    params, batch, exact = case(net, setting, 5, seed=4)
    learner, rows = KFRTRL(net), all_signs(10)
    assert compare(mean_over(learner, params, batch, rows), exact).max_relative < 1e-12
    far = [relative_error(alone(learner, params, batch, row), exact.flat()) for row in rows[::51]]
    assert np.min(far) > 0.01


def test_one_run_for_each_pattern() -> None:
    net = zoo.network("vanilla tanh", "learned start")
    params, batch, exact = case(net, "learned start", 3)
    every = [alone(KFRTRL(net), params, batch, row) for row in all_signs(6)]
    assert relative_error(np.mean(every, axis=0), exact.flat()) < 1e-12
    # Only the product of the two signs of a step matters, and not that of the first.
    assert len(np.unique(np.round([e[0] for e in every], 12))) == 4


def test_wrong_signs_are_biased() -> None:
    """The check can fail: the same signs at each step, or no signs at all."""
    net = zoo.network("vanilla tanh", "no mask")
    params, batch, exact = case(net, "no mask", 6)
    for rows in (np.tile(all_signs(2), (1, 6)), np.ones((1, 12))):
        wrong = mean_over(KFRTRL(net), params, batch, rows)
        assert relative_error(wrong.flat(), exact.flat()) > 0.01


@pytest.mark.parametrize("cell", sorted(set(zoo.CELLS) - set(GOOD)))
def test_other_cells_are_refused(cell: str) -> None:
    with pytest.raises(ValueError, match="network: KF-RTRL has no meaning for .*: (its|inputs)"):
        KFRTRL(zoo.network(cell))


def test_unequal_partials_are_refused() -> None:
    """A cell that treats its two products differently is seen at the first step."""

    class Unequal(Vanilla):
        def partials(self, cache):  # type: ignore[no-untyped-def]
            d = super().partials(cache)
            return d._replace(dv={key: 2 * value for key, value in d.dv.items()})

    cell = Unequal(2, 3)
    _, tape = cell.step(
        cell.init_params(np.random.default_rng(0)), np.ones((1, 3)), np.ones((1, 2))
    )
    with pytest.raises(ValueError, match="do not act alike"):
        factors(cell, tape)


@pytest.mark.parametrize("cell", [c for c in GOOD if "masked" not in c])
def test_immediate_derivative_is_the_product_of_the_factors(cell: str) -> None:
    rng = np.random.default_rng(5)
    made = zoo.CELLS[cell]()
    params = zoo.random_params(zoo.network(cell), rng).select("cell.")
    weights = made.prepare(params)
    _, tape = made.step(
        weights, rng.standard_normal((2, made.state_size)), rng.standard_normal((2, 2))
    )
    joint, rows = factors(made, tape)
    full, first = made.immediate_jacobian(weights, tape), 0
    for name, cut in params.slices().items():
        width = int(np.prod(made.shapes[name][1:]))
        part = rows[:, :, None, :] * joint[:, None, first : first + width, None]
        want = full[:, cut]
        np.testing.assert_allclose(part.reshape(want.shape), want, atol=1e-15)
        first += width
    assert first == joint.shape[1] and np.abs(full).max() > 0.01


def by_definition(net: Network, params, batch: Batch, rows: np.ndarray) -> np.ndarray:
    """The paper's algorithm with the Kronecker product written out, for one sequence."""
    cell, weights = net.cell, net.prepare(params)
    core = cell.cell if isinstance(cell, Masked) else cell
    s, signs = net.initial(weights, 1, batch.initial_state), iter(rows.reshape(-1, 2))
    u, a, start, total = 0.0, 0.0, np.eye(cell.state_size), params.zeros_like()
    for t in range(batch.steps):
        record = net.record(weights, s, batch, t, t + 1)
        tape, s = record.tapes[0], record.last
        d = cell.state_jacobian(weights.cell, tape)[0]
        h = np.concatenate([tape.x[0], tape.s[0, cell.output], [1.0] * ("b" in cell.shapes)])
        full = core.immediate_jacobian(weights.cell, tape)[0]
        b_rows = core.size - (count := core.shapes["W"][0])
        g = full[b_rows:].T if "b" in cell.shapes else full[: count * 2 : 2].T / tape.x[0, 0]
        c0, c1 = next(signs)
        p1 = np.sqrt(np.linalg.norm(g) / np.linalg.norm(h))
        if t == 0:
            u, a = c1 * p1 * h, c1 * g / p1
        else:
            p0 = np.sqrt(np.linalg.norm(d @ a) / np.linalg.norm(u))
            u, a = c0 * p0 * u + c1 * p1 * h, c0 * d @ a / p0 + c1 * g / p1
        start = d @ start
        bar = np.zeros(cell.state_size)
        bar[cell.output] = net.readout.pull(weights.readout, record.z_bar[0], cell.output_size)[0]
        matrix, grads = np.outer(bar @ a, u), {"initial_state": bar @ start}
        grads |= {"cell.W": matrix[:, :2], "cell.U": matrix[:, 2 : 2 + core.hidden_size]}
        grads["cell.b"] = matrix[:, -1]
        if isinstance(cell, Masked):
            grads |= {n: grads[n] * cell.mask[n[5:]] for n in grads if n.startswith("cell.")}
        own = net.readout.collect(record.shown, record.z_bar)
        grads |= {f"readout.{name}": array for name, array in own.items()}
        total = total + {name: grads[name] for name in total}
        if record.forced[0] is not None:
            free = ~record.forced[0][0]
            a, start = a * free[:, None], start * free[:, None]
    return total.flat()


@pytest.mark.parametrize("setting", ["squared error", "teacher, learned start"])
@pytest.mark.parametrize("cell", ["vanilla tanh", "fully recurrent", "LSTM", "masked LSTM"])
def test_every_pattern_is_the_definition(cell: str, setting: str) -> None:
    net = zoo.network(cell, setting)
    params, batch, _ = case(net, setting, 6)
    rows = chance.signs(np.random.default_rng(1), (1, 12))
    got = alone(KFRTRL(net), params, batch, rows[0])
    assert relative_error(got, by_definition(net, params, batch, rows)) < 1e-12


def test_sampled_signs_over_a_long_sequence() -> None:
    net = zoo.network("LSTM", "no mask")
    params, batch, exact = case(net, "no mask", 20)
    mean, error, variance = sample(KFRTRL(net), params, batch, runs=40, size=200)
    alive = error > 1e-12
    assert np.abs((mean - exact.flat())[alive] / error[alive]).max() < 4.5
    assert np.linalg.norm(error) < 0.03 * exact.norm()
    assert variance > 0.01 * exact.norm() ** 2


def test_less_variance_than_uoro() -> None:
    one = variance_against_time(KFRTRL, (1, 2, 10, 20), runs=10, size=50)
    other = variance_against_time(UORO, (2, 10, 20), runs=10, size=50)
    assert one[0] == pytest.approx(0, abs=1e-20)
    assert all(2 * a < b for a, b in zip(one[2:], other[1:], strict=True))


def test_memory_and_dtype() -> None:
    net = zoo.network("LSTM", "learned start")
    params, batch, _ = case(net, "learned start", 4)
    learner = KFRTRL(net)
    memory = learner.init(params, 3, rng=np.random.default_rng(0))
    assert memory.joint.shape == (3, 6) and memory.rows.shape == (3, 12, 6)
    assert memory.start.shape == (3, 6, 6)
    plain = KFRTRL(zoo.network("LSTM")).init(
        zoo.random_params(zoo.network("LSTM"), np.random.default_rng(0)),
        rng=np.random.default_rng(0),
    )
    assert plain.start.size == 0
    half = Batch(batch.inputs.astype("f4"), batch.targets.astype("f4"), batch.mask)
    rows = chance.signs(np.random.default_rng(1), (1, 8))
    single = learner.gradient(params.astype("f4"), half, Given(rows)).grads
    assert single.dtype == np.float32
    double = learner.gradient(params, batch, Given(rows)).grads
    assert compare(single, double).max_relative < 1e-4


def test_it_learns_online() -> None:
    rng = np.random.default_rng(8)
    net = Network(Vanilla(1, 4), Linear(4, 1), SquaredError())
    learner, params = KFRTRL(net), net.init_params(np.random.default_rng(0))
    memory, losses, last = learner.init(params, rng=rng), [], 0.0
    for _ in range(600):
        x = rng.choice([-1.0, 1.0], size=1)
        memory, out = learner.step(params, memory, x, np.array([0.5 * last]))
        params, last = params - 0.05 * out.grads, x[0]
        losses.append(out.loss)
    assert np.mean(losses[-100:]) < 0.3 * np.mean(losses[:100])


def test_what_it_declares_and_refuses() -> None:
    net = zoo.network("LSTM")
    params, batch, _ = case(net, "squared error", 3)
    learner = KFRTRL(net)
    assert (learner.kind, learner.online, learner.random) == ("unbiased", True, True)
    with pytest.raises(TypeError, match="rng: KF-RTRL draws random numbers"):
        learner.gradient(params, batch)
