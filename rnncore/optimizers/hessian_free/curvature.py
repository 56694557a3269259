"""Products of the Gauss-Newton matrix with vectors: forward mode, then reverse mode."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from rnncore.data import Batch
from rnncore.learners.bptt import sweep
from rnncore.losses import BinaryCrossEntropy, CategoricalCrossEntropy, SquaredError
from rnncore.network import Network
from rnncore.params import Params
from rnncore.readouts import Linear, Units

Array = np.ndarray


class GaussNewton:
    """The Gauss-Newton matrix of a network's loss at one point, never written out.

    With z all the read-out's pre-activations, J = dz/d theta and H the Hessian of L by z::

        G = J^T H J

    H is positive semidefinite, so G is. For the cross entropies with their own activations it
    is the true Hessian of the loss by z (Schraudolph 2002); for the squared error, which may
    stand behind an activation f, it is f'^T f' with the mask, so that G is the classical matrix
    of the outputs' Jacobian::

        squared error    H v = f' (w f' v) / B
        binary           H v = w y (1 - y) v / B
        categorical      H v = w (sum_k d_k) (y v - y (y.v)) / B

    A product G v is one forward sweep of tangents, which gives J v::

        ds_t = D_t ds_{t-1} + F_t v,   dz_t = V dh_t + dV h_t + db

    (``cell.jvp``, the R-operator) and one backward sweep (``cell.pull``, ``cell.collect``) of
    H J v. Time: about one gradient. The tapes are recorded once, at construction.

    Structural damping adds mu lambda S'' with S the distance that v moves the states::

        S = 1/B sum_b sum_t 1/2 |s_t(theta + v) - s_t(theta)|^2,   S'' = 1/B J_s^T J_s

    J_s = ds/d theta of all states s_1 … s_T (before forcing); its term joins the backward sweep
    at no further cost.

    Parameters
    ----------
    network, params, batch
        Where. Any cell, mask, teacher forcing, and a learned initial state.

    Raises
    ------
    TypeError
        For a loss or read-out whose curvature is not known here.

    Attributes
    ----------
    loss, grads
        L and dL/d theta there.
    products
        How many products were made so far.

    References
    ----------
    B. A. Pearlmutter (1994), Neural Computation 6(1); N. N. Schraudolph (2002), Neural
    Computation 14(7); J. Martens (2010), Deep learning via Hessian-free optimization, ICML;
    J. Martens and I. Sutskever (2011), Learning recurrent neural networks with Hessian-free
    optimization, ICML, section 4, where the distance of hidden sequences is kept general: the
    squared one, over the whole state of the cell, is what is used here.
    """

    def __init__(self, network: Network, params: Params, batch: Batch) -> None:
        if not isinstance(
            network.loss, SquaredError | BinaryCrossEntropy | CategoricalCrossEntropy
        ):
            raise TypeError(f"network: no curvature is known for {type(network.loss).__name__}")
        if not isinstance(network.readout, Linear | Units):
            raise TypeError(f"network: no tangent is known for {type(network.readout).__name__}")
        network.check(batch)
        self.network, self.batch = network, batch
        self._weights = network.prepare(params, batch.inputs, batch.initial_state)
        self._names = params.names
        self._start = network.initial(self._weights, batch.size, batch.initial_state)
        self._record = network.record(self._weights, self._start, batch, 0, batch.steps)
        self._z, self._y = network.readout.forward(self._weights.readout, self._record.shown)
        self.loss = self._record.losses.sum()
        self._first, self._deltas, _ = sweep(
            network, self._weights, self._record, np.zeros_like(self._start)
        )
        self.grads = self._collect(self._record.z_bar, self._first, self._deltas)
        self.products = 0

    def product(self, direction: Params, structural: float = 0.0) -> Params:
        """(G + structural S'') v for a ``direction`` v named like the parameters."""
        self.products += 1
        ds, dz = self.tangents(direction)
        z_bar = self.output_product(dz)
        state_bars = (structural / self.batch.size) * ds if structural else None
        return self._pull(z_bar, state_bars)

    def tangents(self, direction: Params) -> tuple[Array, Array]:
        """J_s v, shape (T, B, N), before forcing, and J v, shape (T, B, O)."""
        network, record = self.network, self._record
        own, ds = direction.select("cell."), np.zeros_like(self._start)
        if network.learn_initial_state:
            ds = ds + direction["initial_state"]
        states = np.empty((self.batch.steps, *ds.shape), ds.dtype)
        for t, (tape, forced) in enumerate(zip(record.tapes, record.forced, strict=True)):
            states[t] = network.cell.jvp(self._weights.cell, tape, ds, None, own)
            ds = states[t] if forced is None else np.where(forced, 0, states[t])
        dh = states[..., network.cell.output]
        if isinstance(network.readout, Units):
            return states, dh[..., network.readout.indices]
        dz = dh @ self._weights.readout["V"].T + record.shown @ direction["readout.V"].T
        return states, dz + direction["readout.b"] if "readout.b" in direction else dz

    def output_product(self, dz: Array) -> Array:
        """H dz, the Hessian of L by z times a tangent, shape (T, B, O)."""
        loss, y, w = self.network.loss, self._y, self.batch.weights
        if isinstance(loss, SquaredError):
            dy = self.network.readout.through(self._z, y, dz)  # f' is symmetric
            result = self.network.readout.through(self._z, y, dy if w is None else w * dy)
            return result / self.batch.size
        if isinstance(loss, BinaryCrossEntropy):
            result = y * (1 - y) * dz
        else:
            assert isinstance(loss, CategoricalCrossEntropy) and self.batch.targets is not None
            total = loss._rows(self._z, self.batch.targets).sum(axis=-1, keepdims=True)
            result = total * y * (dz - (y * dz).sum(axis=-1, keepdims=True))
        return (result if w is None else w * result) / self.batch.size

    def _pull(self, z_bar: Array, state_bars: Array | None) -> Params:
        """J^T z_bar + J_s^T state_bars."""
        network, record = self.network, self._record
        h_bar = network.readout.pull(self._weights.readout, z_bar, network.cell.output_size)
        s_bar, deltas = np.zeros_like(self._start), []
        for t in reversed(range(self.batch.steps)):
            forced = record.forced[t]
            s_bar = s_bar.copy() if forced is None else np.where(forced, 0, s_bar)
            s_bar[:, network.cell.output] += h_bar[t]
            if state_bars is not None:
                s_bar = s_bar + state_bars[t]
            s_bar, delta = network.cell.pull(self._weights.cell, record.tapes[t], s_bar)
            deltas.append(delta)
        return self._collect(z_bar, s_bar, deltas[::-1])

    def _collect(self, z_bar: Array, s_bar: Array, deltas: Sequence[Any]) -> Params:
        network, record = self.network, self._record
        cell = network.cell.collect(self._weights.cell, record.tapes, deltas)
        readout = network.readout.collect(record.shown, z_bar)
        grads = {f"cell.{name}": array for name, array in cell.items()}
        grads |= {f"readout.{name}": array for name, array in readout.items()}
        if network.learn_initial_state:
            grads["initial_state"] = s_bar.sum(axis=0)
        return Params({name: grads[name] for name in self._names})

    def squared_gradients(self) -> Params:
        """1/B sum_b (d l_b / d theta)^2 with l_b the loss of sequence b, entry by entry.

        What Martens (2010, section 4.7) preconditions with, as a mean: his sum is over the
        cases too, and here the loss is their mean. Time: about half a gradient.
        """
        network, record, size = self.network, self._record, self.batch.size
        cell = network.cell.collect(
            self._weights.cell, record.tapes, self._deltas, per_example=True
        )
        grads = {f"cell.{name}": array for name, array in cell.items()}
        rows = [
            network.readout.collect(record.shown[:, b : b + 1], record.z_bar[:, b : b + 1])
            for b in range(size)
        ]
        grads |= {
            f"readout.{name}": np.stack([row[name] for row in rows])
            for name in network.readout.shapes
        }
        if network.learn_initial_state:
            grads["initial_state"] = self._first
        # each row is a share of L = 1/B sum_b l_b, so l_b's gradient is B times the row
        return Params({name: size * (grads[name] ** 2).sum(axis=0) for name in self._names})
