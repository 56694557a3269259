"""The simple recurrent network, and Williams & Zipser's fully recurrent network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from rnncore import activations
from rnncore.activations import Activation
from rnncore.cells.base import Array
from rnncore.cells.pointwise import Blocks, Partials, PointwiseCell


class Vanilla(PointwiseCell):
    """The simple recurrent network (Elman 1990).

    h_t = f(W x_t + U h_{t-1} + b)

    Parameters
    ----------
    input_size, hidden_size
        D and n. Parameters: W (n, D), U (n, n), b (n,).
    activation
        ``"tanh"``, ``"logistic"``, ``"relu"``, ``"identity"`` or an
        :class:`~rnncore.activations.Activation`.
    bias
        Whether there is ``b``.

    Examples
    --------
    >>> cell = Vanilla(2, 3)
    >>> params = cell.init_params(np.random.default_rng(0))
    >>> s, tape = cell.step(params, np.zeros((1, 3)), np.ones((1, 2)))
    >>> s.shape, cell.state_jacobian(params, tape).shape
    ((1, 3), (1, 3, 3))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        activation: str | Activation = "tanh",
        bias: bool = True,
    ) -> None:
        self.activation = activations.get(activation)
        self.bias = bias
        super().__init__(input_size, hidden_size)

    def pointwise(self, s: Array, u: Array, v: Array, p: Blocks) -> tuple[Blocks, Any]:
        a = u[0]
        h = self.activation.function(a)
        return (h,), (a, h)

    def partials(self, cache: Any) -> Partials:
        a, h = cache
        du = {("h", "h"): self.activation.derivative(a, h)}
        return Partials(ds={}, du=du, dv=du, dp={})


class FullyRecurrent(Vanilla):
    """The fully recurrent network of Williams & Zipser (1989).

    y_k(t+1) = f(s_k(t)),  s_k(t) = sum_l w_kl z_l(t),  z(t) = (x(t), y(t))

    Every unit sees every input and every unit, every unit is an output, and any unit
    may have a target at any time: use :class:`~rnncore.readouts.Units` and a mask.
    There is no bias; give the network a constant input instead, as the paper does.

    In the paper an input at time t shows in the units at time t + 1. Here the state
    after the step that reads ``inputs[t]`` is ``states[t + 1]``: the paper's y(t + 1).
    Its target d(t + 1) is therefore ``targets[t]``.

    Parameters
    ----------
    input_size, hidden_size
        The paper's m and n. Parameters: W (n, m), U (n, n).
    activation
        Logistic in the paper.

    References
    ----------
    Williams & Zipser (1989), Neural Computation 1(2), equations 1 to 3.
    """

    def __init__(
        self, input_size: int, hidden_size: int, activation: str | Activation = "logistic"
    ) -> None:
        super().__init__(input_size, hidden_size, activation, bias=False)

    def joint_weights(self, params: Mapping[str, Array]) -> Array:
        """The paper's single matrix w, shape (n, m + n): columns of inputs, then of units."""
        return np.concatenate([params["W"], params["U"]], axis=1)
