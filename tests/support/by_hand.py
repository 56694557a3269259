"""Every cell once more, straight from its equations, for an autodiff engine not written here.

Nothing here imports a cell: the equations are written out for one sequence at a time, in
column-vector form, so that a mistake shared with the package is unlikely.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import autograd.numpy as anp
import numpy as np

State = tuple[Any, ...]
StepFunction = Callable[[dict, State, Any], State]
FUNCTIONS = {
    "tanh": anp.tanh,
    "logistic": lambda a: 1 / (1 + anp.exp(-a)),
    "relu": lambda a: anp.where(a > 0, a, 0.0),
    "identity": lambda a: a,
}
sigma = FUNCTIONS["logistic"]


def vanilla(kind: str) -> StepFunction:
    def step(p: dict, s: State, x: Any) -> State:
        a = anp.dot(p["W"], x) + anp.dot(p["U"], s[0])
        return (FUNCTIONS[kind](a + p["b"] if "b" in p else a),)

    return step


def lstm(p: dict, s: State, x: Any, coupled: bool = False, forget: bool = True) -> State:
    h, c = s
    n = len(h)
    names = ["i", "f", "g", "o"] if forget and not coupled else ["i", "g", "o"]
    a = {}
    for k, name in enumerate(names):
        rows = slice(k * n, (k + 1) * n)
        a[name] = anp.dot(p["W"][rows], x) + anp.dot(p["U"][rows], h) + p["b"][rows]
    i = sigma(a["i"] + p.get("p_i", np.zeros(n)) * c)
    if coupled:
        f = 1.0 - i
    elif forget:
        f = sigma(a["f"] + p.get("p_f", np.zeros(n)) * c)
    else:
        f = 1.0
    new = f * c + i * anp.tanh(a["g"])
    o = sigma(a["o"] + p.get("p_o", np.zeros(n)) * new)
    return o * anp.tanh(new), new


def memory(p: dict, s: State, x: Any) -> State:
    h, c = s
    a = anp.reshape(anp.dot(p["W"], x) + anp.dot(p["U"], h) + p["b"], (4, len(h)))
    new = sigma(a[0]) * c + sigma(a[1]) * a[3]
    return sigma(a[2]) * new, new


def gru(p: dict, s: State, x: Any) -> State:
    (h,) = s
    n = len(h)
    i = anp.dot(p["W"], x) + p["b"]
    r_ = anp.dot(p["U"], h) + p["b_h"]
    r, z = sigma(i[:n] + r_[:n]), sigma(i[n : 2 * n] + r_[n : 2 * n])
    candidate = anp.tanh(i[2 * n :] + r * r_[2 * n :])
    return ((1 - z) * candidate + z * h,)


def gru_before(p: dict, s: State, x: Any) -> State:
    (h,) = s
    n = len(h)
    i = anp.dot(p["W"], x) + p["b"]
    r = sigma(i[:n] + anp.dot(p["U"][:n], h))
    z = sigma(i[n : 2 * n] + anp.dot(p["U"][n : 2 * n], h))
    candidate = anp.tanh(i[2 * n :] + anp.dot(p["U"][2 * n :], r * h))
    return ((1 - z) * candidate + z * h,)


def second_order(p: dict, s: State, x: Any) -> State:
    (h,) = s
    total = p["b"]
    for j in range(len(h)):
        for k in range(len(x)):
            total = total + p["W"][:, j, k] * h[j] * x[k]
    return (sigma(total),)


def leaky(p: dict, s: State, x: Any) -> State:
    (h,) = s
    net = anp.dot(p["W"], x) + anp.dot(p["U"], h) + p["b"]
    return (h + p["a"] * (anp.tanh(net) - h),)


def focused(p: dict, s: State, x: Any) -> State:
    return (p["d"] * s[0] + sigma(anp.dot(p["W"], x) + p["b"]),)


def diagonal_lstm(p: dict, s: State, x: Any) -> State:
    _, c = s
    a = anp.reshape(anp.dot(p["W"], x) + p["b"], (3, len(c)))
    f, z = sigma(a[0] + p["w_f"] * c), anp.tanh(a[1] + p["w_z"] * c)
    new = z + f * (c - z)
    return sigma(a[2] + p["w_o"] * new) * new, new


def linear_recurrent_unit(p: dict, s: State, x: Any) -> State:
    """In polar form: each pair (re, im) is turned by exp(theta) and shrunk."""
    n = len(p["nu"])
    re, im = s[0][:n], s[0][n:]
    angle, shrink = anp.exp(p["theta"]), anp.exp(-anp.exp(p["nu"]))
    put = anp.dot(p["W"], x)
    return (
        anp.concatenate(
            [
                shrink * (anp.cos(angle) * re - anp.sin(angle) * im)
                + anp.exp(p["gamma"]) * put[:n],
                shrink * (anp.sin(angle) * re + anp.cos(angle) * im)
                + anp.exp(p["gamma"]) * put[n:],
            ]
        ),
    )


def inner(p: dict, prefix: str) -> dict:
    return {name[len(prefix) :]: a for name, a in p.items() if name.startswith(prefix)}


def stack(layers: list[StepFunction], widths: list[int]) -> StepFunction:
    """``widths[l]`` is the number of blocks in the state of layer l; its first one is shown."""

    def step(p: dict, s: State, x: Any) -> State:
        new: list[Any] = []
        start = 0
        for k, (layer, width) in enumerate(zip(layers, widths, strict=True)):
            own = layer(inner(p, f"{k}."), s[start : start + width], x)
            x, start = own[0], start + width
            new.extend(own)
        return tuple(new)

    return step


def feedback(cell: StepFunction, kind: str, shown: int = 0) -> StepFunction:
    """State: y, then the blocks of the inner cell; ``shown`` says which of them it shows."""

    def step(p: dict, s: State, x: Any) -> State:
        new = cell(inner(p, "cell."), s[1:], anp.concatenate([x, s[0]]))
        y = FUNCTIONS[kind](anp.dot(p["V"], new[shown]) + p["b"])
        return (y, *new)

    return step


def masked(cell: StepFunction, masks: dict[str, np.ndarray]) -> StepFunction:
    def step(p: dict, s: State, x: Any) -> State:
        cut = {
            name: a * np.tile(masks[name], (a.shape[0] // len(masks[name]), 1))
            if name in masks
            else a
            for name, a in p.items()
        }
        return cell(cut, s, x)

    return step


def _lstm(**options: bool) -> StepFunction:
    return lambda p, s, x: lstm(p, s, x, **options)


RING = np.array([[1.0, 0.0, 1.0], [1.0, 1.0, 0.0], [0.0, 1.0, 1.0]])
SPARSE = np.array([[1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])

# Name of the cell: its step, and the sizes of its state blocks with the one that is shown.
STEPS: dict[str, tuple[StepFunction, list[int], int]] = {
    "vanilla tanh": (vanilla("tanh"), [3], 0),
    "vanilla logistic": (vanilla("logistic"), [3], 0),
    "vanilla relu": (vanilla("relu"), [3], 0),
    "vanilla identity": (vanilla("identity"), [3], 0),
    "vanilla without bias": (vanilla("tanh"), [3], 0),
    "fully recurrent": (vanilla("logistic"), [3], 0),
    "LSTM": (_lstm(), [3, 3], 0),
    "LSTM 1997": (_lstm(forget=False), [3, 3], 0),
    "LSTM peepholes": (_lstm(), [3, 3], 0),
    "LSTM 1997 peepholes": (_lstm(forget=False), [3, 3], 0),
    "LSTM coupled": (_lstm(coupled=True), [3, 3], 0),
    "LSTM coupled peepholes": (_lstm(coupled=True), [3, 3], 0),
    "memory cell": (memory, [3, 3], 0),
    "GRU": (gru, [3], 0),
    "GRU reset before": (gru_before, [3], 0),
    "second order": (second_order, [3], 0),
    "stack of two": (stack([vanilla("tanh"), vanilla("tanh")], [1, 1]), [3, 2], 1),
    "mixed stack": (stack([_lstm(), gru_before, second_order], [2, 1, 1]), [2, 2, 3, 2], 3),
    "deep stack": (stack([gru, _lstm(), vanilla("tanh"), gru], [1, 2, 1, 1]), [2] * 5, 4),
    "feedback": (feedback(vanilla("tanh"), "logistic"), [2, 3], 0),
    "feedback around a stack": (
        feedback(stack([second_order, _lstm()], [1, 2]), "tanh", shown=1),
        [2, 2, 2, 2],
        0,
    ),
    "stack on feedback": (stack([feedback(gru, "tanh"), _lstm()], [2, 2]), [2, 2, 2, 2], 2),
    "masked vanilla": (masked(vanilla("tanh"), {"U": RING, "W": SPARSE}), [3], 0),
    "masked LSTM": (masked(_lstm(), {"U": RING}), [3, 3], 0),
    "masked stack": (
        masked(stack([gru, vanilla("tanh")], [1, 1]), {"0.U": RING, "1.U": RING}),
        [3, 3],
        1,
    ),
    "masked feedback": (feedback(masked(_lstm(), {"U": RING}), "tanh"), [2, 3, 3], 0),
    "leaky": (leaky, [3], 0),
    "focused context": (focused, [3], 0),
    "diagonal LSTM": (diagonal_lstm, [3, 3], 0),
    "linear recurrent unit": (linear_recurrent_unit, [6], 0),
    "masked diagonal LSTM": (masked(diagonal_lstm, {"W": SPARSE}), [3, 3], 0),
    "stack on a diagonal cell": (
        stack([linear_recurrent_unit, vanilla("tanh")], [1, 1]),
        [4, 3],
        1,
    ),
}
