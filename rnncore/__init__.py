"""rnncore: recurrent cells and every way to learn their gradients, in NumPy.

The pieces: :mod:`~rnncore.cells` (what a step is), :class:`~rnncore.network.Network` (a
cell, a read-out and a loss), :mod:`~rnncore.learners` (how the gradient is computed),
:mod:`~rnncore.verify` (how it is checked).

Examples
--------
>>> import numpy as np
>>> from rnncore import BPTT, Batch, Linear, LSTM, Network, RTRL, SquaredError
>>> rng = np.random.default_rng(0)
>>> network = Network(LSTM(2, 4), Linear(4, 1), SquaredError())
>>> params = network.init_params(rng)
>>> batch = Batch(rng.standard_normal((6, 2)), rng.standard_normal((6, 1)))
>>> one = BPTT(network).gradient(params, batch).grads
>>> other = RTRL(network).gradient(params, batch).grads
>>> bool((one - other).norm() < 1e-14)
True
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from rnncore.cells import (
    GRU,
    LSTM,
    FullyRecurrent,
    GRUResetBefore,
    Masked,
    MemoryCell,
    OutputFeedback,
    SecondOrder,
    Stack,
    Vanilla,
)
from rnncore.data import Batch, pad
from rnncore.losses import BinaryCrossEntropy, CategoricalCrossEntropy, SquaredError
from rnncore.network import Network, Trajectory
from rnncore.params import Params
from rnncore.readouts import Linear, Units
from rnncore.show import show_source

if TYPE_CHECKING:
    from rnncore import learners as learners
    from rnncore.learners import BPTT, RTRL, CheckpointedBPTT, Hybrid

__version__ = "0.1.0"

__all__ = [
    "BPTT",
    "GRU",
    "LSTM",
    "RTRL",
    "Batch",
    "BinaryCrossEntropy",
    "CategoricalCrossEntropy",
    "CheckpointedBPTT",
    "FullyRecurrent",
    "GRUResetBefore",
    "Hybrid",
    "Linear",
    "Masked",
    "MemoryCell",
    "Network",
    "OutputFeedback",
    "Params",
    "SecondOrder",
    "SquaredError",
    "Stack",
    "Trajectory",
    "Units",
    "Vanilla",
    "pad",
    "show_source",
]

_LEARNERS = ("BPTT", "RTRL", "CheckpointedBPTT", "Hybrid")


def __getattr__(name: str) -> Any:
    """Import the learners when one is first asked for: they take longer than all the rest."""
    if name != "learners" and name not in _LEARNERS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = import_module("rnncore.learners")
    globals().update({learner: getattr(module, learner) for learner in _LEARNERS})
    return module if name == "learners" else globals()[name]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, "learners"})
