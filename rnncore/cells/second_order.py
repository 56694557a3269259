"""The second-order cell: weights that multiply products of state and input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from rnncore import activations, checks
from rnncore.activations import Activation
from rnncore.cells.base import Array, Shapes, draw
from rnncore.cells.general import GeneralCell
from rnncore.layout import correlate
from rnncore.params import Params


class _Tape(NamedTuple):
    s: Array
    x: Array
    a: Array
    h: Array
    matrix: Array


class SecondOrder(GeneralCell):
    """The second-order recurrent network.

    s_i(t+1) = f( sum_jk W_ijk s_j(t) x_k(t) + b_i )

    Each input symbol k selects its own recurrent matrix W_{..k}, which makes finite
    automata natural to represent.

    Parameters
    ----------
    input_size, hidden_size
        D and n. Parameters: W (n, n, D), b (n,).
    activation
        Logistic in the paper.

    References
    ----------
    Giles, Miller, Chen, Chen, Sun & Lee (1992), Neural Computation 4(3).
    """

    def __init__(
        self, input_size: int, hidden_size: int, activation: str | Activation = "logistic"
    ) -> None:
        self.input_size = checks.positive_int(input_size, "input_size")
        self.hidden_size = n = checks.positive_int(hidden_size, "hidden_size")
        self.activation = activations.get(activation)
        self.state_size, self.output = n, slice(0, n)
        self.shapes: Shapes = {"W": (n, n, self.input_size), "b": (n,)}

    def init_params(self, rng: np.random.Generator, dtype: Any = np.float64) -> Params:
        return draw(self.shapes, rng, dtype)

    def step(
        self, weights: Mapping[str, Array], s: Array, x: Array, u: Array | None = None
    ) -> tuple[Array, _Tape]:
        # (n, n, D) @ (B, 1, D, 1): the recurrent matrix that this input selects, (B, n, n)
        matrix = (weights["W"] @ x[:, None, :, None])[..., 0]
        a = (matrix @ s[:, :, None])[..., 0] + weights["b"]
        h = self.activation(a)
        return h, _Tape(s, x, a, h, matrix)

    def pull(self, weights: Mapping[str, Array], tape: _Tape, s_bar: Array) -> tuple[Array, Array]:
        a_bar = s_bar * self.activation.derivative(tape.a, tape.h)
        return (a_bar[..., None, :] @ tape.matrix)[..., 0, :], a_bar

    def input_adjoint(self, weights: Mapping[str, Array], tape: _Tape, delta: Array) -> Array:
        # (B, 1, n) @ (n, n, D) -> how each unit answers to each input, (B, n, D)
        by_input = (tape.s[:, None, None, :] @ weights["W"])[..., 0, :]
        return (delta[..., None, :] @ by_input)[..., 0, :]

    def collect(
        self,
        weights: Mapping[str, Array],
        tapes: Sequence[_Tape],
        deltas: Sequence[Array],
        per_example: bool = False,
    ) -> dict[str, Array]:
        bar = np.stack(deltas)
        products = np.stack([tape.s[:, :, None] * tape.x[:, None, :] for tape in tapes])
        flat = correlate(bar, products.reshape(*products.shape[:2], -1), per_example)
        return {
            "W": flat.reshape(*flat.shape[:-1], self.hidden_size, self.input_size),
            "b": bar.sum(axis=0 if per_example else tuple(range(bar.ndim - 1))),
        }

    def _like(self, tape: _Tape) -> Array:
        return tape.s
