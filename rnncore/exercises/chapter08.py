"""Exercises of chapter 8: truncation."""

from __future__ import annotations

import numpy as np

from rnncore.exercises.model import Exercise, Mistake

Array = np.ndarray


# -- ch8.3: the truncated gradient from all shares --------------------------------------


def _truncate(C: Array, k1: int, k2: int) -> Array:
    """The shares of loss t from the beginning of its update's window, summed."""
    total = np.zeros(C.shape[2])
    for t in range(len(C)):
        end = k1 * (t // k1 + 1)
        total = total + C[t, max(0, end - k2) : t + 1].sum(axis=0)
    return total


def _truncate_each_loss(C: Array, k1: int, k2: int) -> Array:
    total = np.zeros(C.shape[2])
    for t in range(len(C)):
        total = total + C[t, max(0, t + 1 - k2) : t + 1].sum(axis=0)
    return total


def _truncate_whole_windows(C: Array, k1: int, k2: int) -> Array:
    total = np.zeros(C.shape[2])
    for end in range(k1, len(C) + k1, k1):
        start = max(0, end - k2)
        total = total + C[start:end, start:end].sum(axis=(0, 1))
    return total


def _truncate_stretches(C: Array, k1: int, k2: int) -> Array:
    return _truncate(C, k1, k1)


def _truncate_without_rest(C: Array, k1: int, k2: int) -> Array:
    whole = len(C) // k1 * k1
    return _truncate(C[:whole], k1, k2)


def _truncate_nothing(C: Array, k1: int, k2: int) -> Array:
    return C.sum(axis=(0, 1))


def _truncate_inputs(rng: np.random.Generator) -> tuple[Array, int, int]:
    T, P = 11, 3
    C = rng.normal(size=(T, T, P)) * np.tri(T)[:, :, None]
    k1 = int(rng.integers(2, 5))  # no divisor of 11, so that the last window is cut short
    return C, k1, k1 + int(rng.integers(1, 4))


# -- ch8.4: a truncated sweep -------------------------------------------------------------


def _tail(
    w: float, u: float, h0: float, xs: Array, d: float, k2: int, shift: int = 0, more: int = 0
) -> Array:
    """The gradients of the last loss by w and u, carried back over k2 steps."""
    hs = [h0]
    for x in xs:
        hs.append(np.tanh(w * x + u * hs[-1]))
    h_bar, grad = hs[-1] - d, np.zeros(2)
    for t in range(len(xs), max(0, len(xs) - k2 - more), -1):
        delta = h_bar * (1 - hs[t] ** 2)
        grad = grad + delta * np.array([xs[t - 1], hs[t - 1 + shift]])
        h_bar = delta * u
    return grad


def _tail_new_state(w: float, u: float, h0: float, xs: Array, d: float, k2: int) -> Array:
    return _tail(w, u, h0, xs, d, k2, shift=1)


def _tail_longer(w: float, u: float, h0: float, xs: Array, d: float, k2: int) -> Array:
    return _tail(w, u, h0, xs, d, k2, more=1)


def _tail_shorter(w: float, u: float, h0: float, xs: Array, d: float, k2: int) -> Array:
    return _tail(w, u, h0, xs, d, k2, more=-1)


def _tail_reset(w: float, u: float, h0: float, xs: Array, d: float, k2: int) -> Array:
    return _tail(w, u, 0.0 if k2 < len(xs) else h0, xs[-k2:], d, k2)


def _tail_without_slope(w: float, u: float, h0: float, xs: Array, d: float, k2: int) -> Array:
    hs = [h0]
    for x in xs:
        hs.append(np.tanh(w * x + u * hs[-1]))
    h_bar, grad = hs[-1] - d, np.zeros(2)
    for t in range(len(xs), max(0, len(xs) - k2), -1):
        grad = grad + h_bar * (1 - hs[t] ** 2) * np.array([xs[t - 1], hs[t - 1]])
        h_bar = h_bar * u
    return grad


def _tail_exact(w: float, u: float, h0: float, xs: Array, d: float, k2: int) -> Array:
    return _tail(w, u, h0, xs, d, len(xs))


def _tail_inputs(rng: np.random.Generator) -> tuple[float, float, float, Array, float, int]:
    return (
        float(rng.uniform(0.5, 1.5)),
        float(rng.uniform(0.8, 1.6)),
        float(rng.uniform(0.3, 0.9)),
        rng.normal(size=7),
        float(rng.normal() + 2),
        int(rng.integers(2, 6)),
    )


# -- ch8.6: the variance of ARTBP for one loss ----------------------------------------------


def _spread(C: Array, c: float) -> Array:
    """sum_ij C_i C_j ((1 - c)**-min(i, j) - 1)."""
    age = np.arange(len(C))
    shared = np.minimum(age[:, None], age[None, :])
    return C @ ((1 - c) ** -shared.astype(float) - 1) @ C


def _spread_without_mixed(C: Array, c: float) -> Array:
    return (C**2 * ((1 - c) ** -np.arange(len(C), dtype=float) - 1)).sum()


def _spread_square(C: Array, c: float) -> Array:
    return _spread(C, c) + C.sum() ** 2


def _spread_off_by_one(C: Array, c: float) -> Array:
    age = np.arange(len(C)) + 1
    shared = np.minimum(age[:, None], age[None, :])
    return C @ ((1 - c) ** -shared.astype(float) - 1) @ C


def _spread_all_coins(C: Array, c: float) -> Array:
    age = np.arange(len(C))
    most = np.maximum(age[:, None], age[None, :])
    return C @ ((1 - c) ** -most.astype(float) - 1) @ C


def _spread_inputs(rng: np.random.Generator) -> tuple[Array, float]:
    return rng.normal(size=7), float(rng.uniform(0.1, 0.4))


EXERCISES = [
    Exercise(
        id="ch8.1",
        prompt="TBPTT(1, 2), TBPTT(2, 3) and the exact gradient, as whole numbers",
        kind="array",
        reference=np.array([8, 17, -19]),
        mistakes=[
            Mistake(
                "the three numbers with each window of TBPTT(2, 3) taken for each loss",
                np.array([8, 8, -19]),
                "The window belongs to the update: the loss of step 3 sees what the update after "
                "step 4 goes back over.",
            ),
            Mistake(
                "the three numbers with h_t in place of h_{t-1}",
                np.array([36, 45, 81]),
                "At step k the weight u multiplies the state before the step, h_{k-1}.",
            ),
            Mistake(
                "the three numbers for h_0 = 0",
                np.array([87, 123, 123]),
                "The initial state is -1, and u acts on it at the first step.",
            ),
        ],
        hint="The share of weight copy k in the loss of step t is 3**(t - k) times h_{k-1}.",
    ),
    Exercise(
        id="ch8.2",
        prompt="The smallest k2 for which TBPTT(30, k2) is exact on 100 steps",
        kind="value",
        reference=120,
        mistakes=[
            Mistake(
                "the length of the sequence",
                100,
                "The last window is laid out as if it ended at a multiple of 30.",
            ),
            Mistake("the interval between updates", 30, "That is TBPTT(30, 30), four stretches."),
            Mistake(
                "the last full window's end",
                90,
                "The losses of steps 91 to 100 wait for one more update.",
            ),
            Mistake(
                "the length of the sequence and one interval",
                130,
                "That is enough, but not the smallest.",
            ),
        ],
        hint="Where would the window of the last loss end, if the sequence went on?",
    ),
    Exercise(
        id="ch8.3",
        prompt="truncate(C, k1, k2): the gradient of TBPTT(k1, k2) from all shares",
        kind="function",
        reference=_truncate,
        inputs=_truncate_inputs,
        mistakes=[
            Mistake(
                "the sum with the last k2 steps before each loss",
                _truncate_each_loss,
                "That is TBPTT(1, k2). With k1 > 1 a loss waits, and its window ends later.",
            ),
            Mistake(
                "the sum with all losses of each window",
                _truncate_whole_windows,
                "Windows overlap: each loss is counted in one of them only, the first that it "
                "meets.",
            ),
            Mistake(
                "the sum over stretches of k1 steps",
                _truncate_stretches,
                "The windows go back over k2 steps, not k1.",
            ),
            Mistake(
                "the sum without the unfinished window",
                _truncate_without_rest,
                "The sequence need not end with an update: the rest has a window, too.",
            ),
            Mistake(
                "the exact gradient",
                _truncate_nothing,
                "What lies before a window is not counted.",
            ),
        ],
        hint="For each loss: when is its update, and where does that update's window begin?",
    ),
    Exercise(
        id="ch8.4",
        prompt="tail(w, u, h0, xs, d, k2): the truncated gradient of the last loss",
        kind="function",
        reference=_tail,
        inputs=_tail_inputs,
        mistakes=[
            Mistake(
                "the gradient with h_t in place of h_{t-1}",
                _tail_new_state,
                "At step t the weight u multiplies the state before the step.",
            ),
            Mistake(
                "the gradient of one step more",
                _tail_longer,
                "A window of k2 steps has k2 steps, the last one included.",
            ),
            Mistake(
                "the gradient of one step less",
                _tail_shorter,
                "The step of the loss is the first of the k2 steps.",
            ),
            Mistake(
                "the gradient of a network that starts at zero where the window starts",
                _tail_reset,
                "Truncation cuts the way back. The state at the start of the window is the one "
                "that the steps before have made.",
            ),
            Mistake(
                "the gradient with adjoints that skip the slope of tanh",
                _tail_without_slope,
                "What reaches h_{t-1} is u times delta_t, and delta_t has the slope in it.",
            ),
            Mistake(
                "the exact gradient",
                _tail_exact,
                "Stop after k2 steps back.",
            ),
        ],
        hint="Run forward over all steps, sweep back over the last k2.",
    ),
    Exercise(
        id="ch8.5",
        prompt="Three units, one plus: the smallest window with the right sign, and g(infinity)",
        kind="array",
        reference=np.array([4, -2]),
        mistakes=[
            Mistake(
                "the age that turns the sign, not the window",
                np.array([3, -2]),
                "A window of w steps has the ages 0 to w - 1.",
            ),
            Mistake(
                "the pair with each unit worth 1 in the long run",
                np.array([4, -1]),
                "What each unit is worth, summed over all ages, is 2.",
            ),
        ],
        hint="Age k adds (1 - k - k (k - 1) / 2) / 2**k.",
    ),
    Exercise(
        id="ch8.6",
        prompt="spread(C, c): the exact variance of ARTBP for one loss",
        kind="function",
        reference=_spread,
        inputs=_spread_inputs,
        mistakes=[
            Mistake(
                "the variance as if the shares were seen independently",
                _spread_without_mixed,
                "Where an old share is seen, all younger ones are seen, too: mixed terms stay.",
            ),
            Mistake(
                "the mean square",
                _spread_square,
                "Subtract the square of the mean, which is the gradient.",
            ),
            Mistake(
                "the variance with one coin too many",
                _spread_off_by_one,
                "A share of age j meets j coins; the one of age 0 is always seen.",
            ),
            Mistake(
                "the variance with all coins squared",
                _spread_all_coins,
                "Two shares have the coins of the younger one in common, and no more.",
            ),
        ],
        hint="E[omega_i omega_j]: which coins do the two weights share?",
    ),
    Exercise(
        id="ch8.7",
        prompt="The best constant chance of a cut for independent shares of size 0.9**j",
        kind="value",
        reference=0.1,
        mistakes=[
            Mistake(
                "the chance at which the variance becomes infinite",
                0.19,
                "That is 1 - gamma**2, the end of what is possible. Minimize.",
            ),
            Mistake(
                "the chance of survival",
                0.9,
                "Asked is the chance of a cut.",
            ),
        ],
        hint="Minimize sum gamma**(2 j) / p_j with sum p_j held fixed, by a Lagrange multiplier.",
    ),
]
