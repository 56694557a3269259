"""Initializations refuse what has no meaning: each a clear error by name."""

import numpy as np
import pytest

from rnncore import (
    GRU,
    LSTM,
    FullyRecurrent,
    Masked,
    Stack,
    Vanilla,
)
from rnncore import initialization as init
from tests.core.test_initialization import start

CELL = LSTM(2, 3)
PARAMS = start(CELL)
CUT_DIAGONAL = Masked(Vanilla(2, 3), {"U": 1 - np.eye(3)})
NILPOTENT = Vanilla(2, 3)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda r: init.gaussian(PARAMS, CELL, 0), TypeError, "rng: expected a numpy.random.Gen"),
        (lambda r: init.gaussian(PARAMS, "LSTM", r), TypeError, "model: expected a cell or a Net"),
        (lambda r: init.gaussian([1], CELL, r), TypeError, "params: expected Params, got list"),
        (lambda r: init.gaussian(PARAMS, GRU(2, 3), r), ValueError, r"params: missing \['b_h'\]"),
        (lambda r: init.gaussian(PARAMS, LSTM(2, 4), r), ValueError, r"params\['W'\]: expected sh"),
        (lambda r: init.gaussian(PARAMS, CELL, r, gain=-1), ValueError, "gain: expected a number"),
        (lambda r: init.gaussian(PARAMS, CELL, r, gain=np.nan), ValueError, "gain: expected a fin"),
        (lambda r: init.gaussian(PARAMS, CELL, r, gain="1"), TypeError, "gain: expected a number"),
        (lambda r: init.gaussian(PARAMS, CELL, r, names="U"), TypeError, "names: expected a seq"),
        (lambda r: init.gaussian(PARAMS, CELL, r, names=["V"]), ValueError, r"names: \['V'\] are"),
        (lambda r: init.gaussian(PARAMS, CELL, r, names=["b"]), ValueError, r"names: \['b'\] are"),
        (lambda r: init.gaussian(PARAMS, CELL, r, gates=["z"]), ValueError, r"gates: \['z'\] are"),
        (lambda r: init.identity(PARAMS, CELL, names=["W"]), ValueError, r"names: \['W'\] are not"),
        (lambda r: init.sparse(PARAMS, CELL, r, connections=0), ValueError, "connections: expect"),
        (lambda r: init.sparse(PARAMS, CELL, r, scale=-1.0), ValueError, "scale: expected a numb"),
        (
            lambda r: init.glorot(PARAMS, CELL, r, distribution="normed"),
            ValueError,
            "distribution: expected 'uniform' or 'normal', got 'normed'",
        ),
        (
            lambda r: init.identity(start(CUT_DIAGONAL), CUT_DIAGONAL),
            ValueError,
            "model: a mask cuts the diagonal of U",
        ),
        (
            lambda r: init.spectral_radius(
                start(NILPOTENT).replace(U=np.triu(np.ones((3, 3)), 1)), NILPOTENT, 1.0
            ),
            ValueError,
            r"params: all eigenvalues of U\[h\] are zero",
        ),
        (lambda r: init.spectral_radius(PARAMS, CELL, -1), ValueError, "radius: expected a number"),
        (
            lambda r: init.forget_bias(start(FullyRecurrent(2, 3)), FullyRecurrent(2, 3)),
            ValueError,
            "model: no gate of FullyRecurrent.* keeps a memory",
        ),
        (lambda r: init.forget_bias(PARAMS, CELL, np.inf), ValueError, "value: expected a finite"),
        (
            lambda r: init.forget_bias(PARAMS, CELL, names=["U"]),
            ValueError,
            r"names: \['U'\] hold no bias of a keeping gate; there are \['b'\]",
        ),
        (lambda r: init.chrono(PARAMS, CELL, r, 2), ValueError, "longest: expected more than 2"),
    ],
)
def test_refusals(call, error, message, rng) -> None:
    with pytest.raises(error, match=message):
        call(rng)


def test_gates_and_names_that_never_meet() -> None:
    stack = Stack([LSTM(2, 2), GRU(2, 2)])
    with pytest.raises(ValueError, match=r"gates: \['z'\] are not .* \['i', 'f', 'g', 'o'\]"):
        init.identity(start(stack), stack, names=["0.U"], gates=["z"])
