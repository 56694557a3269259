"""The same work by hand, in NumPy: what is gained where each cell is written for speed alone.

Nothing here is meant to be read as mathematics. Every cell has its own loops over preallocated
arrays, with the fewest calls that its equations allow: features come before sequences, so that each
gate is one piece of memory; the logistic function is half a hyperbolic tangent, whose factor is put
into the weights; partial derivatives are worked out for many steps at once, and collected into the
gradients of the weights in one product. It knows one readout, one loss, and zero initial states.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.prepared import Prepared

Array = np.ndarray
CACHED = 2**15  # numbers of a block for which the backward pass works at once

add, dot, multiply, subtract, tanh = np.add, np.dot, np.multiply, np.subtract, np.tanh


def total(shares: Sequence[Sequence[Array]]) -> list[Array]:
    """The sums of the first, second, … arrays of all shares."""
    return [sum(rest, first) for first, *rest in zip(*shares, strict=True)]


class ByHand(ABC):
    """Inputs, read-out, loss and sums, which are alike for all cells."""

    def __init__(self, case: Mapping[str, Any]) -> None:
        self.p, self.x, self.d = case["params"], case["x"], case["d"]
        self.steps, self.batch, self.n = case["T"], case["B"], case["n"]
        self.dtype = self.x.dtype

    @abstractmethod
    def forward(self) -> None:
        """Fill ``self.h`` (T + 1, n, B), and what the backward pass needs."""

    @abstractmethod
    def backward(self, h_bar: Array) -> dict[str, Array]:
        """The gradients of the cell, from what each step's loss says of h, (T, n, B)."""

    def gradient(self) -> dict[str, Array]:
        """The loss and all gradients."""
        self.h = np.zeros((self.steps + 1, self.n, self.batch), self.dtype)
        self.forward()
        v, h = self.p["V"], self.h[1:]
        y = (np.matmul(v, h) + self.p["c"])[:, 0]
        error = y - self.d[:, :, 0]
        loss = 0.5 * (error * error).sum() / self.batch
        error /= self.batch
        grads = self.backward(v.T * error[:, None])
        by_v = np.matmul(h, error[:, :, None]).sum(axis=0).T
        return {"loss": np.asarray(loss), "V": by_v, "c": error.sum().reshape(1), **grads}

    def room(self, features: int) -> Array:
        """An array (T, features, B), not filled."""
        return np.empty((self.steps, features, self.batch), self.dtype)

    def project(self, w: Array, b: Array) -> Array:
        """W x + b of all steps, (T, K n, B)."""
        out = self.room(len(w))
        if self.batch == 1:
            dot(self.x[:, 0], w.T, out=out[:, :, 0])
        else:
            np.matmul(w, self.x.transpose(0, 2, 1), out=out)
        out += b[:, None]
        return out

    def parts(self) -> Iterator[slice]:
        """Stretches of steps, the last one first."""
        size = max(1, CACHED // (self.n * self.batch))
        for start in reversed(range(0, self.steps, size)):
            yield slice(start, start + size)

    def joined(self, array: Array) -> Array:
        """(t, features, B) as (features, t B)."""
        return array.swapaxes(0, 1).reshape(array.shape[1], -1)

    def collect(self, delta: Array, part: slice) -> tuple[Array, Array, Array]:
        """Of adjoints (t, K n, B) their shares in the gradients of W, U and the bias."""
        joint, x = self.joined(delta), self.x[part].reshape(-1, self.x.shape[2])
        return joint @ x, joint @ self.joined(self.h[:-1][part]).T, joint.sum(axis=1)


class Vanilla(ByHand):
    """h = tanh(a)."""

    def forward(self) -> None:
        a, h, u = self.project(self.p["W"], self.p["b"]), [*self.h], self.p["U"]
        heard = np.empty_like(a[0])
        for t, a_t in enumerate(a):
            dot(u, h[t], heard)
            add(a_t, heard, a_t)
            tanh(a_t, h[t + 1])

    def backward(self, h_bar: Array) -> dict[str, Array]:
        u = np.ascontiguousarray(self.p["U"].T)
        dh, shares = np.zeros_like(self.h[0]), []
        for part in self.parts():
            h = self.h[1:][part]
            slope = 1 - h * h
            delta, said = np.empty_like(slope), h_bar[part]
            for t in reversed(range(len(h))):
                add(dh, said[t], dh)
                multiply(dh, slope[t], delta[t])
                dot(u, delta[t], dh)
            shares.append(self.collect(delta, part))
        return dict(zip(("W", "U", "b"), total(shares), strict=True))


class GRU(ByHand):
    """Gates r and z side by side, then n."""

    def forward(self) -> None:
        n, p = self.n, self.p
        half = np.ones(3 * n, self.dtype)
        half[: 2 * n] = 0.5
        b = p["b"].copy()
        b[: 2 * n] += p["b_h"][: 2 * n]
        a, u = self.project(p["W"] * half[:, None], b * half), p["U"] * half[:, None]
        self.rz, self.v_n, self.candidate = a[:, : 2 * n], self.room(n), self.room(n)
        rz, v_n, made, h = [*self.rz], [*self.v_n], [*self.candidate], [*self.h]
        r, z, u_n = [*a[:, :n]], [*a[:, n : 2 * n]], [*a[:, 2 * n :]]
        heard, other = np.empty_like(a[0]), np.empty_like(h[0])
        heard_rz, heard_n = heard[: 2 * n], heard[2 * n :]
        b_n, factor = p["b_h"][2 * n :, None], np.array(0.5, self.dtype)
        for t in range(self.steps):
            gates, n_t = rz[t], made[t]
            dot(u, h[t], heard)
            add(heard_n, b_n, v_n[t])
            add(gates, heard_rz, gates)
            tanh(gates, gates)
            multiply(gates, factor, gates)
            add(gates, factor, gates)
            multiply(r[t], v_n[t], other)
            add(u_n[t], other, other)
            tanh(other, n_t)
            subtract(h[t], n_t, other)
            multiply(z[t], other, other)
            add(n_t, other, h[t + 1])

    def backward(self, h_bar: Array) -> dict[str, Array]:
        n, u = self.n, np.ascontiguousarray(self.p["U"].T)
        dh, kept = np.zeros_like(self.h[0]), np.empty_like(self.h[0])
        shares = []
        for part in self.parts():
            made, v_n, rz = self.candidate[part], self.v_n[part], self.rz[part]
            r, z = rz[:, :n], rz[:, n:]
            slopes = np.empty((len(made), 3, n, self.batch), self.dtype)
            by_n = (1 - z) * (1 - made * made)
            multiply(by_n * v_n, r * (1 - r), slopes[:, 0])
            multiply(self.h[:-1][part] - made, z * (1 - z), slopes[:, 1])
            multiply(by_n, r, slopes[:, 2])
            v_bar, n_bar = np.empty_like(slopes), np.empty_like(by_n)
            flat, said = v_bar.reshape(len(made), 3 * n, self.batch), h_bar[part]
            for t in reversed(range(len(made))):
                add(dh, said[t], dh)
                multiply(dh, slopes[t], v_bar[t])
                multiply(dh, by_n[t], n_bar[t])
                multiply(dh, z[t], kept)
                dot(u, flat[t], dh)
                add(dh, kept, dh)
            shares.append([*self.collect(flat, part), *self.collect(n_bar, part)])
        w_v, u_v, b_v, w_n, _, b_n = total(shares)
        w, b = (np.concatenate([v[: 2 * n], u]) for v, u in ((w_v, w_n), (b_v, b_n)))
        return {"W": w, "U": u_v, "b": b, "b_h": b_v}


class LSTM(ByHand):
    """Gates in the order i, f, o, g, so that those with a logistic function lie side by side."""

    def _order(self) -> Array:
        """Where the rows of i, f, o and g are in the arrays that were given."""
        return np.arange(4 * self.n).reshape(4, self.n)[[0, 1, 3, 2]].ravel()

    def forward(self) -> None:
        n, order = self.n, self._order()
        half = np.ones(4 * n, self.dtype)
        half[: 3 * n] = 0.5
        w, u = (self.p[name][order] * half[:, None] for name in ("W", "U"))
        self.a, self.squashed = self.project(w, self.p["b"][order] * half), self.room(n)
        self.c = np.zeros_like(self.h)
        a, s, h, c, squashed = [*self.a], [*self.a[:, : 3 * n]], [*self.h], [*self.c], self.squashed
        i, f, o, g = ([*self.a[:, k * n : (k + 1) * n]] for k in range(4))
        heard, other = np.empty_like(a[0]), np.empty_like(h[0])
        factor = np.array(0.5, self.dtype)
        for t in range(self.steps):
            a_t, s_t, c_t, tanh_t = a[t], s[t], c[t + 1], squashed[t]
            dot(u, h[t], heard)
            add(a_t, heard, a_t)
            tanh(a_t, a_t)
            multiply(s_t, factor, s_t)
            add(s_t, factor, s_t)
            multiply(i[t], g[t], other)
            multiply(f[t], c[t], c_t)
            add(c_t, other, c_t)
            tanh(c_t, tanh_t)
            multiply(o[t], tanh_t, h[t + 1])

    def backward(self, h_bar: Array) -> dict[str, Array]:
        n, order = self.n, self._order()
        u = np.ascontiguousarray(self.p["U"][order].T)
        dh, dc, other = (np.zeros_like(self.h[0]) for _ in range(3))
        shares = []
        for part in self.parts():
            i, f, o, g = (self.a[part, k * n : (k + 1) * n] for k in range(4))
            squashed = self.squashed[part]
            slopes = np.empty((len(i), 4, n, self.batch), self.dtype)
            multiply(g * i, 1 - i, slopes[:, 0])
            multiply(self.c[:-1][part] * f, 1 - f, slopes[:, 1])
            multiply(squashed * o, 1 - o, slopes[:, 2])
            multiply(i, 1 - g * g, slopes[:, 3])
            by_c = o * (1 - squashed * squashed)
            delta = np.empty_like(slopes)
            flat, said = delta.reshape(len(i), 4 * n, self.batch), h_bar[part]
            by_cell, by_cell_to = [*slopes[:, :2]], [*delta[:, :2]]
            by_hidden, by_hidden_to = [*slopes[:, 2]], [*delta[:, 2]]
            by_last, by_last_to = [*slopes[:, 3]], [*delta[:, 3]]
            for t in reversed(range(len(i))):
                add(dh, said[t], dh)
                multiply(dh, by_c[t], other)
                add(dc, other, dc)
                multiply(dc, by_cell[t], by_cell_to[t])
                multiply(dc, by_last[t], by_last_to[t])
                multiply(dh, by_hidden[t], by_hidden_to[t])
                dot(u, flat[t], dh)
                multiply(dc, f[t], dc)
            shares.append(self.collect(flat, part))
        back = np.argsort(order)
        return {name: grad[back] for name, grad in zip(("W", "U", "b"), total(shares), strict=True)}


CELLS: dict[str, type[ByHand]] = {"vanilla": Vanilla, "GRU": GRU, "LSTM": LSTM}


def bptt(case: Mapping[str, Any]) -> Prepared:
    """Forward and backward over the whole sequence."""
    work = CELLS[case["cell"]](case)
    return Prepared(work.gradient, work.gradient())
