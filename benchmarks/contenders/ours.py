"""rnncore itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

import numpy as np

from benchmarks.prepared import Prepared
from rnncore import (
    BPTT,
    GRU,
    LSTM,
    RTRL,
    Batch,
    Hybrid,
    Linear,
    Network,
    Params,
    SquaredError,
    Vanilla,
)
from rnncore.cells import Cell
from rnncore.learners import RFLO, UORO, EProp, Learner, SnAp

Array = np.ndarray
MAKE: dict[str, Callable[[int, int], Cell]] = {"vanilla": Vanilla, "GRU": GRU, "LSTM": LSTM}
NAMES = {"W": "cell.W", "U": "cell.U", "b": "cell.b", "b_h": "cell.b_h"} | {
    "V": "readout.V",
    "c": "readout.b",
}
LEARNERS: dict[str, Callable[..., Learner]] = {
    "BPTT": BPTT,
    "RTRL": RTRL,
    "hybrid": Hybrid,
    "SnAp-1": SnAp,
    "UORO": UORO,
    "RFLO": RFLO,
    "e-prop": EProp,
}


def network(case: Mapping[str, Any]) -> tuple[Network, Params, Batch]:
    """The case as a network with a linear read-out, its parameters and its batch."""
    cell = MAKE[case["cell"]](case["D"], case["n"])
    net = Network(cell, Linear(case["n"], 1), SquaredError())
    given = {NAMES[name]: array for name, array in case["params"].items()}
    params = Params({name: given[name] for name in net.shapes})
    return net, params, Batch(case["x"], case["d"])


def named(loss: Any, grads: Mapping[str, Array]) -> dict[str, Array]:
    """Loss and gradient under the names that all contenders share."""
    found = {short: grads[name] for short, name in NAMES.items() if name in grads}
    return {"loss": np.asarray(loss), **found}


def bptt(case: Mapping[str, Any]) -> Prepared:
    """Forward and backward over the whole sequence."""
    net, params, batch = network(case)
    learner = BPTT(net)
    return Prepared(
        lambda: learner.gradient(params, batch), named(*learner.gradient(params, batch))
    )


def compiled() -> Callable[[Network], Learner] | None:
    """BPTT with the pointwise functions compiled, or None where ``rnncore.fast`` is absent."""
    try:
        maker: Callable[[Network], Learner] = import_module("rnncore.fast").BPTT
    except ImportError:
        return None
    return maker


def fast_bptt(case: Mapping[str, Any]) -> Prepared:
    """As :func:`bptt`, compiled; what compiling takes is not counted."""
    make = compiled()
    if make is None:
        raise ImportError("rnncore.fast: cannot be imported")
    net, params, batch = network(case)
    learner = make(net)
    return Prepared(
        lambda: learner.gradient(params, batch), named(*learner.gradient(params, batch))
    )


def learner(case: Mapping[str, Any]) -> Prepared:
    """Any learner over the case's sequence, by the step.

    ``learner`` in the case names it and ``arguments`` are its own. The answer is the loss and the
    gradient; with ``readout_only`` only the part that is exact for every learner, and with
    ``silent`` nothing, for one that runs over a shorter sequence than those beside it.
    """
    net, params, batch = network(case)
    made = LEARNERS[case["learner"]](net, **case.get("arguments", {}))

    def run() -> Any:
        return made.gradient(params, batch, np.random.default_rng(0))

    answer = {} if case.get("silent") else named(*run())
    if case.get("readout_only"):
        answer = {name: answer[name] for name in ("loss", "V", "c")}
    return Prepared(run, answer, case["T"])
