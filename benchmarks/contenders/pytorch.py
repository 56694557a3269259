"""PyTorch, eager: its own recurrent layers and autograd."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from benchmarks.prepared import Prepared

Array = np.ndarray


def bptt(case: Mapping[str, Any]) -> Prepared:
    """Forward and backward over the whole sequence, by ``torch.nn`` and ``backward()``.

    PyTorch has two biases where a sum needs one. The second is the GRU's b_h; elsewhere it is
    zero, and its gradient, which equals the first one's, is worked out as PyTorch always does.
    """
    import torch

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    kind = {"vanilla": torch.nn.RNN, "GRU": torch.nn.GRU, "LSTM": torch.nn.LSTM}[case["cell"]]
    dtype = getattr(torch, case["dtype"])
    layer = kind(case["D"], case["n"]).to(dtype)
    readout = torch.nn.Linear(case["n"], 1).to(dtype)
    given = case["params"]
    places = {
        "W": layer.weight_ih_l0,
        "U": layer.weight_hh_l0,
        "b": layer.bias_ih_l0,
        "b_h": layer.bias_hh_l0,
        "V": readout.weight,
        "c": readout.bias,
    }
    with torch.no_grad():
        for name, place in places.items():
            place.copy_(torch.tensor(given[name]) if name in given else torch.zeros_like(place))
    x, d, batch = torch.tensor(case["x"]), torch.tensor(case["d"]), case["B"]

    def run() -> Any:
        for place in places.values():
            place.grad = None
        h, _ = layer(x)
        loss = 0.5 * ((readout(h) - d) ** 2).sum() / batch
        loss.backward()
        return loss

    answer: dict[str, Array] = {"loss": run().detach().numpy()}
    answer |= {name: places[name].grad.numpy().copy() for name in given}
    return Prepared(run, answer)
