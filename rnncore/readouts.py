"""Read-outs: from what a cell shows to the output of the network."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rnncore import activations, checks
from rnncore.activations import Activation
from rnncore.params import Params

Array = np.ndarray


class Readout(ABC):
    """A map from hidden states h (..., n) to outputs y (..., O) through pre-activations z.

    Attributes
    ----------
    output_size
        O.
    activation
        Name of the function from z to y.
    shapes
        Name and shape of each parameter.
    """

    output_size: int
    activation: str
    shapes: dict[str, tuple[int, ...]]

    @abstractmethod
    def init_params(self, rng: np.random.Generator, dtype: Any = np.float64) -> Params:
        """Draw initial parameters."""

    @abstractmethod
    def forward(self, weights: Mapping[str, Array], h: Array) -> tuple[Array, Array]:
        """Pre-activations z and outputs y, both (..., O)."""

    @abstractmethod
    def through(self, z: Array, y: Array, y_bar: Array) -> Array:
        """Pull an adjoint of y back through the activation: dL/dz."""

    @abstractmethod
    def pull(self, weights: Mapping[str, Array], z_bar: Array, size: int) -> Array:
        """dL/dh, shape (..., n) with n = ``size``, from dL/dz."""

    @abstractmethod
    def collect(self, h: Array, z_bar: Array) -> dict[str, Array]:
        """Gradients of the read-out's own parameters, summed over all leading axes."""


class Linear(Readout):
    """A linear map followed by an activation.

    z = V h + b,   y = f(z)

    Parameters
    ----------
    hidden_size, output_size
        n and O. Parameters: V (O, n), b (O,).
    activation
        ``"identity"``, ``"logistic"``, ``"tanh"``, ``"relu"`` or ``"softmax"``.
    bias
        Whether there is ``b``.

    Examples
    --------
    >>> readout = Linear(3, 2, activation="softmax")
    >>> params = readout.init_params(np.random.default_rng(0))
    >>> z, y = readout.forward(params, np.ones((1, 3)))
    >>> float(y.sum())
    1.0
    """

    def __init__(
        self,
        hidden_size: int,
        output_size: int,
        activation: str | Activation = "identity",
        bias: bool = True,
    ) -> None:
        self.hidden_size = checks.positive_int(hidden_size, "hidden_size")
        self.output_size = checks.positive_int(output_size, "output_size")
        self.bias = bias
        if activation == "softmax":
            self.activation, self._function = "softmax", None
        else:
            self._function = activations.get(activation)
            self.activation = self._function.name
        self.shapes = {"V": (self.output_size, self.hidden_size)}
        if bias:
            self.shapes["b"] = (self.output_size,)

    def init_params(self, rng: np.random.Generator, dtype: Any = np.float64) -> Params:
        checks.generator(rng)
        v = rng.standard_normal(self.shapes["V"]) / np.sqrt(self.hidden_size)
        arrays = {"V": v.astype(dtype)}
        if self.bias:
            arrays["b"] = np.zeros(self.output_size, dtype)
        return Params(arrays)

    def forward(self, weights: Mapping[str, Array], h: Array) -> tuple[Array, Array]:
        z = h.reshape(-1, h.shape[-1]) @ weights["V"].T  # one product for all times
        if self.bias:
            z = z + weights["b"]
        z = z.reshape(*h.shape[:-1], z.shape[1])
        return z, activations.softmax(z) if self._function is None else self._function(z)

    def through(self, z: Array, y: Array, y_bar: Array) -> Array:
        if self._function is None:
            return y * (y_bar - (y_bar * y).sum(axis=-1, keepdims=True))
        if self._function is activations.IDENTITY:
            return y_bar
        return y_bar * self._function.derivative(z, y)

    def pull(self, weights: Mapping[str, Array], z_bar: Array, size: int) -> Array:
        h_bar = z_bar.reshape(-1, z_bar.shape[-1]) @ weights["V"]
        return h_bar.reshape(*z_bar.shape[:-1], size)

    def collect(self, h: Array, z_bar: Array) -> dict[str, Array]:
        flat = z_bar.reshape(-1, self.output_size)
        grads = {"V": flat.T @ h.reshape(-1, self.hidden_size)}
        if self.bias:
            grads["b"] = flat.sum(axis=0)
        return grads


class Units(Readout):
    """The identity on chosen hidden units: the units themselves are the outputs.

    Parameters
    ----------
    indices
        Which of the units that the cell shows are outputs, 0 to n - 1, each once.

    Raises
    ------
    ValueError
        If there are none, or one stands twice or is negative.

    References
    ----------
    Williams & Zipser (1989): any unit of the network may be given a target.
    """

    activation = "identity"

    def __init__(self, indices: Sequence[int]) -> None:
        self.indices = np.array([int(i) for i in indices], dtype=int)
        if len(self.indices) == 0 or len(set(self.indices)) < len(self.indices):
            raise ValueError(f"indices: expected one or more different units, got {list(indices)}")
        if self.indices.min() < 0:
            raise ValueError(f"indices: expected units from 0 on, got {list(indices)}")
        self.output_size = len(self.indices)
        self.shapes = {}

    def init_params(self, rng: np.random.Generator, dtype: Any = np.float64) -> Params:
        checks.generator(rng)
        return Params({})

    def forward(self, weights: Mapping[str, Array], h: Array) -> tuple[Array, Array]:
        y = h[..., self.indices]
        return y, y

    def through(self, z: Array, y: Array, y_bar: Array) -> Array:
        return y_bar

    def pull(self, weights: Mapping[str, Array], z_bar: Array, size: int) -> Array:
        h_bar = np.zeros((*z_bar.shape[:-1], size), z_bar.dtype)
        h_bar[..., self.indices] = z_bar
        return h_bar

    def collect(self, h: Array, z_bar: Array) -> dict[str, Array]:
        return {}
