"""Cells whose units hear only themselves: diagonal recurrence. And leaky units."""

from __future__ import annotations

from typing import Any

import numpy as np

from rnncore import activations
from rnncore.activations import Activation, logistic
from rnncore.cells.base import Array
from rnncore.cells.pointwise import Blocks, Partials, PointwiseCell
from rnncore.params import Params


class DiagonalCell(PointwiseCell):
    """A pointwise cell without the recurrent product.

    ::

        u = W x + b
        s' = g(s, u; p)      unit i of s' depends on unit i of s, u, p alone

    There is no U, so ds'/ds has entries between the blocks of one unit only. Memory of
    the past is in elementwise parameters: decays, peepholes, eigenvalues. The author of
    such a cell writes ``g`` and its partials as for any pointwise cell; ``v`` is empty.
    """

    recurrent = False


class FocusedContext(DiagonalCell):
    """Mozer's context units: a decaying trace of what comes in.

    c_t = d c_{t-1} + f(W x_t + b)

    The decay d of each unit is learned. It stands outside the squashing function, so the
    error that flows back through time shrinks by d alone.

    Parameters
    ----------
    input_size, hidden_size
        D and n. Parameters: W (n, D), b (n,), d (n,).
    activation
        Logistic in the paper.

    References
    ----------
    Mozer (1989), A focused backpropagation algorithm for temporal pattern recognition,
    Complex Systems 3, 349-381.

    Examples
    --------
    >>> cell = FocusedContext(2, 3)
    >>> cell.shapes
    {'W': (3, 2), 'b': (3,), 'd': (3,)}
    """

    states = ("c",)
    gates = ("c",)
    elementwise = ("d",)

    def __init__(
        self, input_size: int, hidden_size: int, activation: str | Activation = "logistic"
    ) -> None:
        self.activation = activations.get(activation)
        super().__init__(input_size, hidden_size)

    def init_params(self, rng: np.random.Generator, dtype: Any = np.float64) -> Params:
        """Weights as everywhere; decays evenly between 1/2 and 1."""
        drawn = super().init_params(rng, dtype)
        return drawn.replace(d=rng.uniform(0.5, 1, self.hidden_size).astype(dtype))

    def pointwise(self, s: Array, u: Array, v: Array, p: Blocks) -> tuple[Blocks, Any]:
        (c_prev,), (a,), (d,) = s, u, p
        f = self.activation(a)
        return (d * c_prev + f,), (c_prev, a, f, d)

    def partials(self, cache: Any) -> Partials:
        c_prev, a, f, d = cache
        return Partials(
            ds={("c", "c"): np.broadcast_to(d, c_prev.shape)},
            du={("c", "c"): self.activation.derivative(a, f)},
            dv={},
            dp={("c", "d"): c_prev},
        )


class DiagonalLSTM(DiagonalCell):
    """The LSTM with elementwise recurrence of Irie et al. (eLSTM).

    ::

        f = sigma(W_f x_t + b_f + w_f c_{t-1})
        z = tanh(W_z x_t + b_z + w_z c_{t-1})
        c_t = f c_{t-1} + (1 - f) z
        o = sigma(W_o x_t + b_o + w_o c_t)
        h_t = o c_t

    In the paper the output gate reads all of c_t through a matrix, as a feed-forward layer
    above the recurrence; here unit i of it reads c_t,i.

    Parameters
    ----------
    input_size, hidden_size
        D and n. The state is ``h | c``, (B, 2n); gates in the order f, z, o. Parameters:
        W (3n, D), b (3n,), w_f, w_z, w_o (n,).

    References
    ----------
    Irie, Gopalakrishnan & Schmidhuber (2023), arXiv:2305.19044, equations 5 to 7.
    """

    states = ("h", "c")
    gates = ("f", "z", "o")
    elementwise = ("w_f", "w_z", "w_o")

    def pointwise(self, s: Array, u: Array, v: Array, p: Blocks) -> tuple[Blocks, Any]:
        (_, c_prev), (w_f, w_z, w_o) = s, p
        f, z = logistic(u[0] + w_f * c_prev), np.tanh(u[1] + w_z * c_prev)
        c = f * c_prev + (1 - f) * z
        o = logistic(u[2] + w_o * c)
        return (o * c, c), (c_prev, f, z, o, c, p)

    def partials(self, cache: Any) -> Partials:
        c_prev, f, z, o, c, (w_f, w_z, w_o) = cache
        by_f, by_z = (c_prev - z) * f * (1 - f), (1 - f) * (1 - z * z)
        h_by_o = c * o * (1 - o)
        return Partials(
            ds={("c", "c"): f + by_f * w_f + by_z * w_z},
            du={("c", "f"): by_f, ("c", "z"): by_z, ("h", "o"): h_by_o},
            dv={},
            dp={
                ("c", "w_f"): by_f * c_prev,
                ("c", "w_z"): by_z * c_prev,
                ("h", "w_o"): h_by_o * c,
            },
            within={("h", "c"): o + h_by_o * w_o},
        )


class LinearRecurrentUnit(DiagonalCell):
    """The linear recurrent unit: complex eigenvalues, as two real blocks.

    With lambda = exp(-exp(nu) + i exp(theta)), so that ``|lambda| < 1``, and g = exp(gamma)::

        s_t = lambda s_{t-1} + g (W_re + i W_im) x_t

    that is, with a and b the real and the imaginary part of lambda, ::

        re_t = a re_{t-1} - b im_{t-1} + g W_re x_t
        im_t = b re_{t-1} + a im_{t-1} + g W_im x_t

    The cell shows both parts, 2n numbers: the paper's output Re(C s_t) is a linear
    read-out of them. (Its term D x_t, past the recurrence, is not part of the cell.)

    Parameters
    ----------
    input_size, hidden_size
        D and the number n of complex units. The state is ``re | im``, (B, 2n).
        Parameters: W (2n, D), nu, theta, gamma (n,).

    References
    ----------
    Orvieto, Smith, Gu, Fernando, Gulcehre, Pascanu & De (2023), arXiv:2303.06349,
    section 3: the exponential parametrization and the normalization gamma.
    """

    states = ("re", "im")
    gates = ("re", "im")
    elementwise = ("nu", "theta", "gamma")
    bias = False
    shown = 2

    def init_params(self, rng: np.random.Generator, dtype: Any = np.float64) -> Params:
        """Eigenvalues evenly on the disk, phases up to 2 pi; ``g = sqrt(1 - |lambda|^2)``."""
        drawn = super().init_params(rng, dtype)
        # 1 - u lies in (0, 1], so that no logarithm is taken of zero.
        radius2 = 1 - rng.uniform(0, 1, self.hidden_size)
        phase = 2 * np.pi * (1 - rng.uniform(0, 1, self.hidden_size))
        radius2 = np.clip(radius2, 1e-6, 1 - 1e-6)
        fresh = {
            "nu": np.log(-0.5 * np.log(radius2)),
            "theta": np.log(phase),
            "gamma": 0.5 * np.log(1 - radius2),
        }
        return drawn.replace(**{name: array.astype(dtype) for name, array in fresh.items()})

    def pointwise(self, s: Array, u: Array, v: Array, p: Blocks) -> tuple[Blocks, Any]:
        (re, im), (nu, theta, gamma) = s, p
        decay, phase, g = np.exp(-np.exp(nu)), np.exp(theta), np.exp(gamma)
        a, b = decay * np.cos(phase), decay * np.sin(phase)
        new = (a * re - b * im + g * u[0], b * re + a * im + g * u[1])
        return new, (re, im, u, a, b, np.exp(nu), phase, g)

    def partials(self, cache: Any) -> Partials:
        re, im, (u_re, u_im), a, b, rate, phase, g = cache
        a, b, g = (np.broadcast_to(array, re.shape) for array in (a, b, g))
        turned_re, turned_im = a * re - b * im, b * re + a * im  # lambda s
        return Partials(
            ds={("re", "re"): a, ("re", "im"): -b, ("im", "re"): b, ("im", "im"): a},
            du={("re", "re"): g, ("im", "im"): g},
            dv={},
            dp={
                ("re", "nu"): -rate * turned_re,
                ("im", "nu"): -rate * turned_im,
                ("re", "theta"): -phase * turned_im,
                ("im", "theta"): phase * turned_re,
                ("re", "gamma"): g * u_re,
                ("im", "gamma"): g * u_im,
            },
        )


class Leaky(PointwiseCell):
    """Leaky units: they move a part of the way to where a vanilla unit would be.

    h_t = (1 - a) h_{t-1} + a f(W x_t + U h_{t-1} + b)

    The leak a of each unit is a parameter. Murray's a = 1/tau is one constant; hold it by
    leaving its gradient out of the update. (Leaky units are recurrent through U: they
    are here for their elementwise leak, and are no :class:`DiagonalCell`.)

    Parameters
    ----------
    input_size, hidden_size
        D and n. Parameters: W (n, D), U (n, n), b (n,), a (n,).
    activation
        f, tanh unless said otherwise.
    leak
        The value at which every a starts, in (0, 1].

    Raises
    ------
    ValueError
        If ``leak`` is outside (0, 1].

    References
    ----------
    Murray (2019), eLife 8:e43299, for networks with a = 1/tau; Jaeger (2001), GMD report
    148, for leaky integrator units.
    """

    elementwise = ("a",)

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        activation: str | Activation = "tanh",
        leak: float = 0.1,
    ) -> None:
        if not 0 < leak <= 1:
            raise ValueError(f"leak: expected a number in (0, 1], got {leak}")
        self.activation, self.leak = activations.get(activation), float(leak)
        super().__init__(input_size, hidden_size)

    def init_params(self, rng: np.random.Generator, dtype: Any = np.float64) -> Params:
        """Weights as everywhere; every leak at the value given."""
        drawn = super().init_params(rng, dtype)
        return drawn.replace(a=np.full(self.hidden_size, self.leak, dtype))

    def pointwise(self, s: Array, u: Array, v: Array, p: Blocks) -> tuple[Blocks, Any]:
        (h_prev,), (net,), (leak,) = s, u, p
        f = self.activation(net)
        return ((1 - leak) * h_prev + leak * f,), (h_prev, net, f, leak)

    def partials(self, cache: Any) -> Partials:
        h_prev, net, f, leak = cache
        du = {("h", "h"): leak * self.activation.derivative(net, f)}
        ds = {("h", "h"): np.broadcast_to(1 - leak, h_prev.shape)}
        return Partials(ds=ds, du=du, dv=du, dp={("h", "a"): f - h_prev})
