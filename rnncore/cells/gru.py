"""Gated recurrent units: the reset after the recurrent product, and before it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from rnncore import checks
from rnncore.activations import logistic
from rnncore.cells.base import Array, Shapes, draw
from rnncore.cells.general import GeneralCell
from rnncore.cells.pointwise import Blocks, Partials, PointwiseCell
from rnncore.layout import correlate
from rnncore.params import Params


class GRU(PointwiseCell):
    """The gated recurrent unit with the reset AFTER the recurrent product.

    ::

        r = sigma(W_r x_t + b_r + U_r h_{t-1} + b_hr)          reset gate
        z = sigma(W_z x_t + b_z + U_z h_{t-1} + b_hz)          update gate
        n = tanh(W_n x_t + b_n + r (U_n h_{t-1} + b_hn))       candidate
        h_t = (1 - z) n + z h_{t-1}

    This is the form of cuDNN and of ``torch.nn.GRU``. The bias b_hn inside the reset is
    what makes ``b_h`` necessary.

    Parameters
    ----------
    input_size, hidden_size
        D and n. Gates in the order r, z, n. Parameters: W (3n, D), U (3n, n), b (3n,),
        b_h (3n,).

    References
    ----------
    Cho et al. (2014), EMNLP (with the reset before the product: see
    :class:`GRUResetBefore`); the update gate as in Chung et al. (2014) with z and 1 - z
    exchanged.
    """

    gates = ("r", "z", "n")
    apart = True  # the candidate needs its two pre-activations apart
    recurrent_bias = True

    def pointwise(self, s: Array, u: Array, v: Array, p: Blocks) -> tuple[Blocks, Any]:
        h_prev, v_n = s[0], v[2]
        r, z = logistic(u[:2] + v[:2])
        n = np.tanh(u[2] + r * v_n)
        h = n + z * (h_prev - n)  # (1 - z) n + z h_{t-1}, with a product less
        return (h,), (h_prev, r, z, n, v_n)

    def partials(self, cache: Any) -> Partials:
        h_prev, r, z, n, v_n = cache
        by_n = (1 - z) * (1 - n * n)
        gates = {("h", "r"): by_n * v_n * r * (1 - r), ("h", "z"): (h_prev - n) * z * (1 - z)}
        return Partials(
            ds={("h", "h"): z},
            du=gates | {("h", "n"): by_n},
            dv=gates | {("h", "n"): by_n * r},
            dp={},
        )


class _Tape(NamedTuple):
    s: Array
    x: Array
    r: Array
    z: Array
    n: Array


class GRUResetBefore(GeneralCell):
    """The gated recurrent unit with the reset BEFORE the recurrent product.

    ::

        r = sigma(W_r x_t + U_r h_{t-1} + b_r)
        z = sigma(W_z x_t + U_z h_{t-1} + b_z)
        n = tanh(W_n x_t + U_n (r h_{t-1}) + b_n)
        h_t = (1 - z) n + z h_{t-1}

    The product with U_n follows the gate, so the step is not pointwise: this cell takes
    the general path.

    Parameters
    ----------
    input_size, hidden_size
        D and n. Gates in the order r, z, n. Parameters: W (3n, D), U (3n, n), b (3n,).

    References
    ----------
    Cho et al. (2014), EMNLP.
    """

    def __init__(self, input_size: int, hidden_size: int) -> None:
        self.input_size = checks.positive_int(input_size, "input_size")
        self.hidden_size = n = checks.positive_int(hidden_size, "hidden_size")
        self.state_size, self.output = n, slice(0, n)
        self.shapes: Shapes = {"W": (3 * n, self.input_size), "U": (3 * n, n), "b": (3 * n,)}

    def init_params(self, rng: np.random.Generator, dtype: Any = np.float64) -> Params:
        return draw(self.shapes, rng, dtype)

    def project(self, weights: Mapping[str, Array], x: Array) -> Array:
        return x @ weights["W"].T + weights["b"]

    def step(
        self, weights: Mapping[str, Array], s: Array, x: Array, u: Array | None = None
    ) -> tuple[Array, _Tape]:
        n = self.hidden_size
        u = self.project(weights, x) if u is None else u
        gates = logistic(u[:, : 2 * n] + s @ weights["U"][: 2 * n].T)
        r, z = gates[:, :n], gates[:, n:]
        candidate = np.tanh(u[:, 2 * n :] + (r * s) @ weights["U"][2 * n :].T)
        return (1 - z) * candidate + z * s, _Tape(s, x, r, z, candidate)

    def pull(self, weights: Mapping[str, Array], tape: _Tape, s_bar: Array) -> tuple[Array, Array]:
        n, (h, _, r, z, candidate) = self.hidden_size, tape
        n_bar = s_bar * (1 - z) * (1 - candidate * candidate)
        reset_bar = n_bar @ weights["U"][2 * n :]  # adjoint of r * h
        r_bar = reset_bar * h * r * (1 - r)
        z_bar = s_bar * (h - candidate) * z * (1 - z)
        gates_bar = np.concatenate([r_bar, z_bar], axis=-1)
        s_bar_prev = s_bar * z + reset_bar * r + gates_bar @ weights["U"][: 2 * n]
        return s_bar_prev, np.concatenate([gates_bar, n_bar], axis=-1)

    def input_adjoint(self, weights: Mapping[str, Array], tape: _Tape, delta: Array) -> Array:
        return delta @ weights["W"]

    def collect(
        self,
        weights: Mapping[str, Array],
        tapes: Sequence[_Tape],
        deltas: Sequence[Array],
        per_example: bool = False,
    ) -> dict[str, Array]:
        n, bar = self.hidden_size, np.stack(deltas)
        x, h = np.stack([tape.x for tape in tapes]), np.stack([tape.s for tape in tapes])
        reset = np.stack([tape.r * tape.s for tape in tapes])
        by_gates = correlate(bar[..., : 2 * n], h, per_example)
        by_candidate = correlate(bar[..., 2 * n :], reset, per_example)
        return {
            "W": correlate(bar, x, per_example),
            "U": np.concatenate([by_gates, by_candidate], axis=-2),
            "b": bar.sum(axis=0 if per_example else tuple(range(bar.ndim - 1))),
        }

    def _like(self, tape: _Tape) -> Array:
        return tape.s
