"""Echo state networks: running a given reservoir, and ridge regression on given features."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from benchmarks.prepared import Prepared
from rnncore.reservoir import Reservoir, Ridge

Array = np.ndarray


def run_ours(case: Mapping[str, Any]) -> Prepared:
    """The states of rnncore's reservoir over the inputs."""
    reservoir = Reservoir(case["W"], case["U"], case["b"], leak=case["leak"])
    x = case["x"]
    return Prepared(lambda: reservoir.run(x), {"states": reservoir.run(x)[1:]})


def run_theirs(case: Mapping[str, Any]) -> Prepared:
    """The states of reservoirpy's reservoir, with its recurrent matrix in a sparse format."""
    from reservoirpy.nodes import Reservoir as Node
    from scipy.sparse import csr_array

    node = Node(lr=case["leak"], W=csr_array(case["U"]), Win=case["W"], bias=case["b"])
    x = case["x"]

    def run() -> Array:
        node.reset()
        return node.run(x)

    node.initialize(x)
    return Prepared(run, {"states": run()})


def fit_ours(case: Mapping[str, Any]) -> Prepared:
    """Ridge regression as rnncore does it, which keeps the digits of ill-conditioned features."""
    z, d, penalty = case["z"], case["d"], case["penalty"]

    def run() -> Array:
        return Ridge(z, d).solve(penalty)

    return Prepared(run, {"predictions": z @ run().T})


def fit_theirs(case: Mapping[str, Any]) -> Prepared:
    """Ridge regression as reservoirpy does it: by the normal equations."""
    from reservoirpy.nodes import Ridge as Node

    z, d = case["z"], case["d"]

    def run() -> Array:
        node = Node(ridge=case["penalty"], fit_bias=False)
        node.fit(z, d)
        return node.Wout

    return Prepared(run, {"predictions": z @ run()})
