"""Learners that draw signs: all patterns at once, samples, and their variance against time.

python -m tests.support.chance
"""

from __future__ import annotations

import numpy as np

from rnncore import BPTT, Batch, Linear, Network, Params, SquaredError, Vanilla
from rnncore.learners.base import Learner
from rnncore.learners.noise import Given, all_signs
from tests.support import zoo


def tiled(batch: Batch, count: int) -> Batch:
    """One sequence, ``count`` times side by side."""
    assert batch.size == 1

    def many(array: np.ndarray | None, axis: int) -> np.ndarray | None:
        return None if array is None else np.repeat(array, count, axis=axis)

    return Batch(
        many(batch.inputs, 1),
        many(batch.targets, 1),
        many(batch.mask, 1),
        many(batch.initial_state, 0),
    )


def case(net: Network, setting: str, steps: int, seed: int = 0) -> tuple[Params, Batch, Params]:
    """Parameters, one sequence, and the exact gradient."""
    rng = np.random.default_rng([seed, steps])
    params = zoo.random_params(net, rng)
    batch = zoo.random_batch(net, setting, rng, steps, 1)
    return params, batch, BPTT(net).gradient(params, batch).grads


def mean_over(learner: Learner, params: Params, batch: Batch, rows: np.ndarray) -> Params:
    """The mean gradient over the patterns in ``rows`` (M, K), in one run on a batch of M.

    Every sequence of the batch is the same, so that the mean over the batch is it.
    """
    rng = Given(rows)
    grads = learner.gradient(params, tiled(batch, len(rows)), rng).grads
    assert rng.left == 0, "the run drew fewer numbers than it was given"
    return grads


def all_but_the_last(count: int, last: int) -> np.ndarray:
    """All patterns of ``count`` signs, followed by ``last`` signs that stay the same."""
    rows = all_signs(count)
    return np.concatenate([rows, np.ones((len(rows), last))], axis=1)


def alone(learner: Learner, params: Params, batch: Batch, row: np.ndarray) -> np.ndarray:
    """The flat gradient under one pattern."""
    return learner.gradient(params, batch, Given(row[None])).grads.flat()


def sample(
    learner: Learner, params: Params, batch: Batch, runs: int, size: int, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, float]:
    """Mean, standard error of the mean, and the summed variance of ONE estimate.

    ``runs`` gradients of ``size`` copies of the sequence, each copy with noise of its own.
    """
    rng, many = np.random.default_rng(seed), tiled(batch, size)
    grads = np.stack([learner.gradient(params, many, rng).grads.flat() for _ in range(runs)])
    variance = grads.var(axis=0, ddof=1)
    return grads.mean(axis=0), np.sqrt(variance / runs), float(variance.sum() * size)


def variance_against_time(
    learner: type[Learner], lengths: tuple[int, ...], runs: int = 20, size: int = 50
) -> list[float]:
    """Variance of one estimate over the squared norm of the exact gradient, for each length.

    A vanilla cell of 8 units at rest with one input; a target at the last step only.
    """
    net = Network(Vanilla(1, 8), Linear(8, 1), SquaredError())
    rng = np.random.default_rng(0)
    params, ratios = net.init_params(rng), []
    data = rng.standard_normal((2, max(lengths), 1))
    for steps in lengths:
        mask = np.zeros(steps)
        mask[-1] = 1
        batch = Batch(data[0, -steps:], 2 + data[1, -steps:], mask)
        exact = BPTT(net).gradient(params, batch).grads.norm()
        own = learner(net)
        # The forward gradient has one direction for the whole batch.
        shared = own.name == "forward gradient"
        variance = sample(
            own, params, batch, runs * size if shared else runs, 1 if shared else size
        )
        ratios.append(variance[2] / exact**2)
    return ratios


if __name__ == "__main__":
    from rnncore.learners.forward_gradient import ForwardGradient
    from rnncore.learners.kf_rtrl import KFRTRL
    from rnncore.learners.uoro import UORO

    steps = (1, 2, 5, 10, 20, 50, 100)
    print("T".rjust(18), *(f"{t:8d}" for t in steps))
    for made in (UORO, KFRTRL, ForwardGradient):
        print(made.name.rjust(18), *(f"{v:8.2f}" for v in variance_against_time(made, steps)))
