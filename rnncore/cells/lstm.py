"""Long short-term memory, in its usual variants."""

from __future__ import annotations

from typing import Any

import numpy as np

from rnncore.activations import logistic
from rnncore.cells.base import Array
from rnncore.cells.pointwise import Blocks, Partials, PointwiseCell


class LSTM(PointwiseCell):
    """Long short-term memory.

    With a_k = W_k x_t + U_k h_{t-1} + b_k for each gate k::

        i = sigma(a_i + p_i c_{t-1})        input gate
        f = sigma(a_f + p_f c_{t-1})        forget gate
        g = tanh(a_g)                       candidate
        c_t = f c_{t-1} + i g               cell state
        o = sigma(a_o + p_o c_t)            output gate
        h_t = o tanh(c_t)                   hidden state

    Parameters
    ----------
    input_size, hidden_size
        D and n. The state is ``h | c``, (B, 2n); gates in the order i, f, g, o.
        Parameters: W (Kn, D), U (Kn, n), b (Kn,), and the peepholes p_i, p_f, p_o (n,).
    forget_gate
        Without it f = 1, the cell of 1997 (whose squashing functions were scaled
        logistics; here they are tanh, as everywhere today).
    peepholes
        Whether the gates see the cell state (Gers & Schmidhuber 2000).
    coupled
        Couple the gates, f = 1 - i (Greff et al. 2017): there is no separate forget gate.

    Raises
    ------
    ValueError
        If ``coupled`` is asked for without a forget gate.

    References
    ----------
    Hochreiter & Schmidhuber (1997), Neural Computation 9(8); Gers, Schmidhuber & Cummins
    (2000), Neural Computation 12(10), for the forget gate.

    Examples
    --------
    >>> LSTM(3, 5).gates, LSTM(3, 5, forget_gate=False).gates
    (('i', 'f', 'g', 'o'), ('i', 'g', 'o'))
    """

    states = ("h", "c")

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        forget_gate: bool = True,
        peepholes: bool = False,
        coupled: bool = False,
    ) -> None:
        if coupled and not forget_gate:
            raise ValueError("coupled: f = 1 - i needs forget_gate=True")
        self.has_forget_gate = forget_gate and not coupled
        self.coupled = coupled
        self.gates = ("i", "f", "g", "o") if self.has_forget_gate else ("i", "g", "o")
        if peepholes:
            self.elementwise = tuple(f"p_{gate}" for gate in self.gates if gate != "g")
        super().__init__(input_size, hidden_size)

    def pointwise(self, s: Array, u: Array, v: Array, p: Blocks) -> tuple[Blocks, Any]:
        c_prev, a_if, a_g, a_o = s[1], u[:-2], u[-2], u[-1]
        if p:  # p_i, p_f where there is a forget gate, p_o
            i, *forget = [logistic(a + peep * c_prev) for a, peep in zip(a_if, p, strict=False)]
        else:
            i, *forget = logistic(a_if)
        g = np.tanh(a_g)
        f = forget[0] if forget else (1 - i if self.coupled else np.ones_like(i))
        c = f * c_prev + i * g
        o = logistic(a_o + p[-1] * c if p else a_o)
        squashed = np.tanh(c)
        return (o * squashed, c), (c_prev, i, f, g, o, c, squashed, p)

    def partials(self, cache: Any) -> Partials:
        c_prev, i, f, g, o, c, squashed, p = cache
        peep = dict(zip(self.elementwise, p, strict=True))
        # c_t by everything that comes before it
        du = {
            ("c", "i"): (g - c_prev if self.coupled else g) * i * (1 - i),
            ("c", "g"): i * (1 - g * g),
        }
        if self.has_forget_gate:
            du["c", "f"] = c_prev * f * (1 - f)
        c_by_c, dp = f, {}
        if peep:
            seen = [gate for _, gate in du if gate != "g"]  # the gates that see c_{t-1}
            c_by_c = f + sum(peep[f"p_{gate}"] * du["c", gate] for gate in seen)
            dp = {("c", f"p_{gate}"): c_prev * du["c", gate] for gate in seen}
        # h_t by the output gate, and by c_t
        du["h", "o"] = squashed * o * (1 - o)
        h_by_c = o * (1 - squashed * squashed)
        if peep:
            h_by_c = h_by_c + du["h", "o"] * peep["p_o"]
            dp["h", "p_o"] = du["h", "o"] * c
        return Partials({("c", "c"): c_by_c}, du, du, dp, within={("h", "c"): h_by_c})
