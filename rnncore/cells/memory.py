"""The bare memory cell with keep, write and read gates."""

from __future__ import annotations

from typing import Any

from rnncore.activations import logistic
from rnncore.cells.base import Array
from rnncore.cells.pointwise import Blocks, Partials, PointwiseCell


class MemoryCell(PointwiseCell):
    """A linear memory behind three gates: keep, write and read.

    ::

        k, w, r = sigma(a_k), sigma(a_w), sigma(a_r)      gates
        c_t = k c_{t-1} + w a_value                       content, not squashed
        h_t = r c_t                                       what is read

    with a = W x_t + U h_{t-1} + b for each of the four blocks. It is the LSTM with both
    squashing functions replaced by the identity; keep, write and read are its forget,
    input and output gate.

    Parameters
    ----------
    input_size, hidden_size
        D and n. The state is ``h | c``, (B, 2n); blocks in the order keep, write, read,
        value. Parameters: W (4n, D), U (4n, n), b (4n,).

    References
    ----------
    Hochreiter & Schmidhuber (1997), Neural Computation 9(8); the gate names keep, write
    and read are those of many lectures.
    """

    states = ("h", "c")
    gates = ("keep", "write", "read", "value")

    def pointwise(self, s: Array, u: Array, v: Array, p: Blocks) -> tuple[Blocks, Any]:
        _, c_prev = s
        keep, write, read = logistic(u[:3])
        value = u[3]
        c = keep * c_prev + write * value
        return (read * c, c), (c_prev, keep, write, read, value, c)

    def partials(self, cache: Any) -> Partials:
        c_prev, keep, write, read, value, c = cache
        du = {
            ("c", "keep"): c_prev * keep * (1 - keep),
            ("c", "write"): value * write * (1 - write),
            ("c", "value"): write,
            ("h", "read"): c * read * (1 - read),
        }
        return Partials({("c", "c"): keep}, du, du, dp={}, within={("h", "c"): read})
