"""Exercises of chapter 1: from one neuron to a network with memory."""

from __future__ import annotations

import numpy as np

from rnncore.exercises.model import Exercise, Mistake
from rnncore.tasks import which_came_first

Array = np.ndarray


# -- 1: a step downhill for one neuron ------------------------------------------------------


def _neuron(w: Array, x: Array, d: float) -> tuple[float, float]:
    """Output y and error e = d - y of a logistic neuron."""
    y = 1 / (1 + np.exp(-(w @ x)))
    return y, d - y


def _update(w: Array, x: Array, d: float, rate: float) -> Array:
    y, e = _neuron(w, x, d)
    return rate * e * y * (1 - y) * x


def _uphill(w: Array, x: Array, d: float, rate: float) -> Array:
    return -_update(w, x, d, rate)


def _without_slope(w: Array, x: Array, d: float, rate: float) -> Array:
    return rate * _neuron(w, x, d)[1] * x


def _slope_of_output(w: Array, x: Array, d: float, rate: float) -> Array:
    y, e = _neuron(w, x, d)
    again = 1 / (1 + np.exp(-y))
    return rate * e * again * (1 - again) * x


def _new_weights(w: Array, x: Array, d: float, rate: float) -> Array:
    return w + _update(w, x, d, rate)


def _neuron_inputs(rng: np.random.Generator) -> tuple[Array, Array, float, float]:
    return rng.normal(size=3), rng.normal(size=3), float(rng.random()), float(rng.uniform(0.1, 1))


# -- 2: three steps by hand -----------------------------------------------------------------

_W, _U, _B = np.array([1, 2]), np.array([[1, -1], [2, 1]]), np.array([0, 1])
_START, _INPUTS = (1, -1), (0, 1, 1)


def _by_hand(w: Array, u: Array, b: Array, start: tuple[int, int]) -> Array:
    h = np.array(start)
    for x in _INPUTS:
        h = w * x + u @ h + b
    return h


# -- 3: one network, two notations ----------------------------------------------------------


def _joint(W: Array, R: Array) -> Array:
    return np.concatenate([W.T, R.T], axis=1)


def _joint_r_as_it_is(W: Array, R: Array) -> Array:
    return np.concatenate([W.T, R], axis=1)


def _joint_units_first(W: Array, R: Array) -> Array:
    return np.concatenate([R.T, W.T], axis=1)


def _joint_stacked(W: Array, R: Array) -> Array:
    return np.concatenate([W, R], axis=0)


# -- 4: the loss of a padded batch ----------------------------------------------------------


def _masked_loss(y: Array, d: Array, mask: Array) -> float:
    return float(0.5 * (mask[:, :, None] * (y - d) ** 2).sum() / y.shape[1])


def _loss_unmasked(y: Array, d: Array, mask: Array) -> float:
    return float(0.5 * ((y - d) ** 2).sum() / y.shape[1])


def _loss_per_score(y: Array, d: Array, mask: Array) -> float:
    return float(0.5 * (mask[:, :, None] * (y - d) ** 2).sum() / mask.sum())


def _loss_without_half(y: Array, d: Array, mask: Array) -> float:
    return 2 * _masked_loss(y, d, mask)


def _loss_inputs(rng: np.random.Generator) -> tuple[Array, Array, Array]:
    steps, size, units = 7, 4, 3
    lengths = rng.integers(2, steps + 1, size=size)
    lengths[0], lengths[1] = steps, 2
    mask = (np.arange(steps)[:, None] < lengths).astype(float)
    return rng.normal(size=(steps, size, units)), rng.normal(size=(steps, size, units)), mask


# -- 5: a value that stays ------------------------------------------------------------------


def _resting(start: float, gain: float = 2.0) -> float:
    h = start
    for _ in range(200):
        h = float(np.tanh(gain * h))
    return h


# -- 6 and 7: order, remembered for ever ----------------------------------------------------


def _first(inputs: Array) -> Array:
    place = inputs.argmax(axis=0)
    return (place[:, 0] < place[:, 1]).astype(int)


def _last(inputs: Array) -> Array:
    return 1 - _first(inputs)


def _added(inputs: Array) -> Array:
    """A linear unit with self-connection 1: A and B cancel."""
    return (inputs.sum(axis=0) @ [1, -1] > 0.5).astype(int)


def _one_unit(inputs: Array) -> Array:
    """The one-unit latch, right without noise: its waiting state does not survive any."""
    h = np.zeros(inputs.shape[1])
    for x in inputs:
        h = np.tanh(3 * h + x[:, 0] - x[:, 1])
    return (h > 0).astype(int)


def _order_inputs(rng: np.random.Generator) -> tuple[Array]:
    return (which_came_first(rng, steps=200, batch_size=12).inputs,)


def _noisy_inputs(rng: np.random.Generator) -> tuple[Array]:
    clean = which_came_first(rng, steps=200, batch_size=12).inputs
    return (clean + 0.05 * rng.standard_normal(clean.shape),)


# -- 8: how far back a network can see ------------------------------------------------------


def _reach(mask: Array) -> int:
    paths, steps = np.asarray(mask) > 0, 0
    power = paths
    while power.any():
        steps += 1
        if steps >= len(paths):
            return -1
        power = (power.astype(int) @ paths.astype(int)) > 0
    return steps


def _reach_count(mask: Array) -> int:
    return int((np.asarray(mask) > 0).sum())


def _reach_window(mask: Array) -> int:
    far = _reach(mask)
    return far if far < 0 else far + 1


def _reach_no_cycles(mask: Array) -> int:
    return len(mask) - 1


def _reach_inputs(rng: np.random.Generator) -> tuple[Array]:
    """In turn: no cycle, a cycle of several units, no cycle, a self-connection."""
    kind = int(rng.integers(0, 2**31)) % 4
    size = int(rng.integers(5, 9))
    order = rng.permutation(size)
    chain = int(rng.integers(2, size - 1))
    mask = np.zeros((size, size))
    for k in range(chain):
        mask[order[k + 1], order[k]] = 1
    mask[order[chain], order[0]] = 1
    if kind == 1:
        mask[order[0], order[chain]] = 1
    elif kind == 3:
        mask[order[1], order[1]] = 1
    return (mask,)


EXERCISES = [
    Exercise(
        id="ch1.1",
        prompt="update(w, x, d, rate): the gradient step of one logistic neuron, J = e**2 / 2",
        kind="function",
        reference=_update,
        inputs=_neuron_inputs,
        mistakes=[
            Mistake(
                "a step uphill",
                _uphill,
                "The error is e = d - y, so dy/dw enters dJ/dw with a minus; "
                "the step is minus the gradient.",
            ),
            Mistake(
                "the step of a linear neuron",
                _without_slope,
                "The chain rule passes through f: the factor f'(s) is missing.",
            ),
            Mistake(
                "a step with f' taken at the output",
                _slope_of_output,
                "f' belongs to the net input s = w x, where it is y (1 - y).",
            ),
            Mistake(
                "the new weights",
                _new_weights,
                "Return the change of the weights alone.",
            ),
        ],
    ),
    Exercise(
        id="ch1.2",
        prompt="The state after inputs 0, 1, 1 of the network by hand, started at (1, -1)",
        kind="array",
        reference=_by_hand(_W, _U, _B, _START),
        mistakes=[
            Mistake(
                "the state of the transposed network",
                _by_hand(_W, _U.T, _B, _START),
                "Row i of U holds what unit i hears. Unit 1 hears 1 times itself and -1 times "
                "unit 2.",
            ),
            Mistake(
                "the state of a network that starts at zero",
                _by_hand(_W, _U, _B, (0, 0)),
                "The start is (1, -1), and it enters the first step through U.",
            ),
            Mistake(
                "the state of a network without its bias",
                _by_hand(_W, _U, 0 * _B, _START),
                "The bias (0, 1) is added at every step.",
            ),
        ],
        hint="Write one line a step: h1 = x + h1 - h2 and h2 = 2 x + 2 h1 + h2 + 1, old on the "
        "right.",
    ),
    Exercise(
        id="ch1.3",
        prompt="joint(W, R): the joint matrix of Williams and Zipser from source D's W and R",
        kind="function",
        reference=_joint,
        inputs=lambda rng: (rng.normal(size=(2, 4)), rng.normal(size=(4, 4))),
        mistakes=[
            Mistake(
                "the joint matrix of another network: its recurrent part is turned over",
                _joint_r_as_it_is,
                "R is square, so no shape complains. In source D r_kn leads from k to n; in w the "
                "row is the unit that listens.",
            ),
            Mistake(
                "a matrix with the units in front of the inputs",
                _joint_units_first,
                "z is inputs first, then units, and the columns of w follow z.",
            ),
            Mistake(
                "the transpose of the joint matrix",
                _joint_stacked,
                "In w row k belongs to the unit k that listens.",
            ),
        ],
    ),
    Exercise(
        id="ch1.4",
        prompt="masked_loss(y, d, mask): 1/2 squared error, summed over time, mean over sequences",
        kind="function",
        reference=_masked_loss,
        inputs=_loss_inputs,
        mistakes=[
            Mistake(
                "the loss with the filling counted",
                _loss_unmasked,
                "Entries where the mask is 0 are filler. They must add nothing.",
            ),
            Mistake(
                "the mean over scored steps",
                _loss_per_score,
                "L sums over time and averages over sequences: divide by B, not by the number of "
                "scored steps.",
            ),
            Mistake(
                "the loss without its factor 1/2",
                _loss_without_half,
                "The squared error of this book is (y - d)**2 / 2.",
            ),
        ],
    ),
    Exercise(
        id="ch1.5",
        prompt="The value at which one tanh unit with self-connection 2 stays, started at 0.1",
        kind="value",
        reference=_resting(0.1),
        tolerance=1e-4,
        mistakes=[
            Mistake(
                "the resting point that repels",
                0.0,
                "At 0 the slope of tanh(2 h) is 2: whatever is near 0 is driven away from it.",
            ),
            Mistake(
                "the value after one step from saturation",
                float(np.tanh(2.0)),
                "tanh(2) is where 1 goes. Put it in again, and again.",
            ),
            Mistake(
                "the value at which a unit with gain 1 would end",
                1.0,
                "tanh never reaches 1. Solve h = tanh(2 h).",
            ),
        ],
        hint="Iterate h = tanh(2 h) from 0.1 until it no longer moves.",
    ),
    Exercise(
        id="ch1.6",
        prompt="decide(inputs): which came first, by one tanh unit, right at every length",
        kind="function",
        reference=_first,
        inputs=_order_inputs,
        mistakes=[
            Mistake(
                "the symbol that came last",
                _last,
                "The second symbol overwrites the first: make the self-connection stronger than "
                "the input weights, so that a unit that has made up its mind keeps it.",
            ),
            Mistake(
                "the decision of a unit that adds up",
                _added,
                "With a linear unit A and B cancel, or the later one wins. Let the unit saturate.",
            ),
        ],
        hint="Three numbers are enough: tanh(u h + v (x_A - x_B)) with u above 1 and v well below "
        "u - 1; decide by the sign of h.",
    ),
    Exercise(
        id="ch1.7",
        prompt="decide(inputs): the same under input noise of standard deviation 0.05",
        kind="function",
        reference=_first,
        inputs=_noisy_inputs,
        mistakes=[
            Mistake(
                "the decision of the one-unit latch",
                _one_unit,
                "Its waiting state h = 0 repels: the first noise decides. You need a third state "
                "that attracts.",
            ),
            Mistake(
                "the symbol that came last",
                _last,
                "The unit that is on must keep the other one off.",
            ),
        ],
        hint="Two logistic units, each a latch with a threshold, that inhibit each other.",
    ),
    Exercise(
        id="ch1.8",
        prompt="reach(mask): how many steps back an input can still matter; -1 if without end",
        kind="function",
        reference=_reach,
        inputs=_reach_inputs,
        mistakes=[
            Mistake(
                "the number of connections",
                _reach_count,
                "Count the connections along the longest path, not all of them.",
            ),
            Mistake(
                "the width of the window",
                _reach_window,
                "A reach of k steps back makes a window of k + 1 inputs: the present one counts.",
            ),
            Mistake(
                "the reach of the longest chain that n units could form",
                _reach_no_cycles,
                "n - 1 is the most that is possible without a cycle. Look at this mask.",
            ),
        ],
        hint="Entry (i, j) of the k-th power of the mask counts the paths of k connections from j "
        "to i.",
    ),
]
