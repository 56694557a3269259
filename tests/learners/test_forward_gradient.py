"""The forward gradient: a slope along a random direction, times that direction."""

import numpy as np
import pytest

from rnncore import BPTT, GRU, LSTM, Linear, Masked, Network, Params, SquaredError, Vanilla
from rnncore.learners import noise as chance
from rnncore.learners.forward_gradient import ForwardGradient, uncut
from rnncore.learners.noise import Given, all_signs
from rnncore.verify import compare, directional_derivative, relative_error
from tests.support import zoo
from tests.support.chance import alone, case, sample

SMALL = {
    "vanilla": Vanilla(1, 2),
    "LSTM": LSTM(1, 1),
    "GRU": GRU(1, 1),
}


def small(cell: str, learned: bool = False) -> Network:
    made = SMALL[cell]
    return Network(made, Linear(made.output_size, 1), SquaredError(), learned)


@pytest.mark.parametrize("cell", SMALL)
def test_mean_over_all_signs(cell: str) -> None:
    """All patterns, but for a common sign, which a product of two does not see."""
    net = small(cell, learned=cell == "vanilla")
    params, batch, exact = case(net, "no mask" if cell != "vanilla" else "learned start", 2)
    learner = ForwardGradient(net)
    count = net.cell.size + (2 if cell == "vanilla" else 0)
    rows = all_signs(count)[2 ** (count - 1) :]
    np.testing.assert_array_equal(
        alone(learner, params, batch, rows[3]), alone(learner, params, batch, -rows[3])
    )
    every = np.stack([alone(learner, params, batch, row) for row in rows])
    assert compare(params.unflatten(every.mean(axis=0)), exact).max_relative < 1e-12
    cell = exact.slices()["readout.V"].start  # the read-out, which comes next, has no noise
    far = [relative_error(one[:cell], exact.flat()[:cell]) for one in every]
    assert min(far) > 0.1
    # The law of its squared error: P - 1 times the squared norm of what it estimates.
    readout = sum(a.size for n, a in params.items() if n.startswith("readout."))
    noisy = exact.norm() ** 2 - sum((exact[n] ** 2).sum() for n in exact if n[0] == "r")
    assert readout + count == params.size
    squared = ((every - exact.flat()) ** 2).sum(axis=1).mean()
    assert squared == pytest.approx((count - 1) * noisy, rel=1e-12)


@pytest.mark.parametrize("cell", ["LSTM", "GRU reset before", "masked stack", "mixed stack"])
def test_mean_over_orthogonal_signs(cell: str) -> None:
    """The mean needs no more than E[v v^T] = 1: the rows of a Hadamard matrix have it."""
    net = zoo.network(cell, "teacher")
    params, batch, exact = case(net, "teacher", 3)
    rows = np.ones((1, 1))
    while len(rows) < net.cell.size:
        rows = np.block([[rows, rows], [rows, -rows]])
    learner = ForwardGradient(net)
    every = [alone(learner, params, batch, row[: net.cell.size]) for row in rows]
    mean = np.mean(every, axis=0)
    assert relative_error(mean, exact.flat()) < 1e-12
    # Two signs that are always the same: the check can fail.
    tied = rows[:, : net.cell.size].copy()
    tied[:, 1] = tied[:, 0]
    if cell != "masked stack":
        wrong = np.mean([alone(learner, params, batch, row) for row in tied], axis=0)
        assert relative_error(wrong, exact.flat()) > 0.001


@pytest.mark.parametrize("setting", ["squared error", "teacher, learned start"])
@pytest.mark.parametrize("cell", zoo.CELLS)
def test_every_direction_is_the_definition(cell: str, setting: str) -> None:
    """The directional derivative of the loss by one complex step, times the direction."""
    rng = np.random.default_rng(7)
    net = zoo.network(cell, setting)
    params, batch = zoo.random_params(net, rng), zoo.random_batch(net, setting, rng, 5, 2)
    exact = BPTT(net).gradient(params, batch)
    start = net.cell.state_size if net.learn_initial_state else 0
    alive = np.concatenate([uncut(net.cell).flat(), np.ones(start)])
    for draw in (chance.signs, chance.gaussian):
        row = draw(rng, (1, net.cell.size + start))
        loss, got = ForwardGradient(net).gradient(params, batch, Given(row))
        along = params.zeros_like().replace(
            **{n: (row[0] * alive)[cut].reshape(net.shapes[n]) for n, cut in rows_of(net).items()}
        )
        slope = directional_derivative(lambda p: net.evaluate(p, batch), params, along)
        assert loss == pytest.approx(exact.loss, rel=1e-13)
        for name, array in got.items():
            want = exact.grads[name] if name.startswith("readout.") else slope * along[name]
            np.testing.assert_allclose(array, want, rtol=1e-11, atol=1e-12 * abs(slope))
        assert abs(slope) > 1e-4 * exact.grads.norm()


def rows_of(net: Network) -> dict[str, slice]:
    """The place of each parameter in the direction."""
    shapes = {n: s for n, s in net.shapes.items() if not n.startswith("readout.")}
    return Params({n: np.zeros(s) for n, s in shapes.items()}).slices()


@pytest.mark.parametrize("cell", [c for c in zoo.CELLS if "masked" in c])
def test_what_is_cut_stays_cut(cell: str) -> None:
    net = zoo.network(cell)
    mask = uncut(net.cell)
    for name in net.cell.shapes:
        np.testing.assert_array_equal(mask[name] > 0, zoo.uncut(net, f"cell.{name}"))
    assert 0 < mask.flat().mean() < 1


def test_masks_within_masks() -> None:
    """The direction is zero where either mask cuts."""
    cell = Masked(Masked(Vanilla(2, 3), {"U": zoo.RING}), {"W": zoo.SPARSE})
    net = Network(cell, Linear(3, 1), SquaredError())
    params, rng = net.init_params(np.random.default_rng(0)), np.random.default_rng(0)
    direction = ForwardGradient(net).init(params, rng=rng).direction
    want = [zoo.SPARSE.ravel(), zoo.RING.ravel(), np.ones(3)]
    np.testing.assert_array_equal(np.abs(direction), np.concatenate(want))


def test_sampled_signs_and_normal_numbers() -> None:
    net = small("LSTM", learned=True)
    params, batch, exact = case(net, "learned start", 3)
    count = net.cell.size + net.cell.state_size
    noisy = exact.norm() ** 2 - sum((exact[n] ** 2).sum() for n in exact if n[0] == "r")
    for kind, law in (("signs", count - 1), ("gaussian", count + 1)):
        learner = ForwardGradient(net, kind)
        mean, error, variance = sample(learner, params, batch, runs=1000, size=1)
        alive = error > 1e-12
        z = (mean - exact.flat())[alive] / error[alive]
        assert np.abs(z).max() < 4.5, kind
        assert np.linalg.norm(error) < 0.15 * exact.norm()
        assert variance == pytest.approx(law * noisy, rel=0.25)


def test_it_runs_online() -> None:
    """Steps sum to the gradient; the memory is a value of the size of the parameters."""
    rng = np.random.default_rng(3)
    net = zoo.network("GRU", "learned start")
    params, batch = zoo.random_params(net, rng), zoo.random_batch(net, "learned start", rng, 4, 2)
    learner, row = ForwardGradient(net), chance.signs(rng, (1, net.cell.size + 3))
    memory, total = learner.init(params, 2, rng=Given(row)), params.zeros_like()
    first = memory.direction.copy()
    assert sum(a.size for a in memory) == 2 * 3 + 2 * 3 + net.cell.size + 3
    for t in range(4):
        memory, out = learner.step(
            params, memory, batch.inputs[t], batch.targets[t], batch.weights[t]
        )
        total = total + out.grads
    np.testing.assert_array_equal(memory.direction, first)
    want = learner.gradient(params, batch, Given(row)).grads
    assert compare(total, want).max_relative < 1e-12
    assert learner.gradient(params.astype("f4"), batch, rng).grads.dtype == np.float64


def test_it_learns() -> None:
    rng = np.random.default_rng(1)
    net = Network(Vanilla(1, 3), Linear(3, 1), SquaredError())
    params, batch, _ = case(net, "no mask", 5)
    learner, losses = ForwardGradient(net), []
    for _ in range(400):
        loss, grads = learner.gradient(params, batch, rng)
        params = params - 0.01 * grads
        losses.append(loss)
    assert losses[-1] < 0.5 * losses[0]


def test_what_it_declares_and_refuses() -> None:
    net = zoo.network("LSTM")
    params, batch, _ = case(net, "squared error", 3)
    learner = ForwardGradient(net)
    assert (learner.kind, learner.online, learner.random) == ("unbiased", True, True)
    with pytest.raises(TypeError, match="rng: forward gradient draws random numbers"):
        learner.gradient(params, batch)
    with pytest.raises(ValueError, match="noise: expected one of"):
        ForwardGradient(net, "uniform")
    with pytest.raises(ValueError, match="rows: expected 1 rows with 72 more"):
        learner.gradient(params, batch, Given(np.ones((1, 5))))
