"""Parity with torch.nn.RNN, LSTM and GRU: outputs and all gradients, with copied weights."""

import numpy as np
import pytest

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
    Stack,
    Vanilla,
)
from rnncore.verify import compare

torch = pytest.importorskip("torch", reason="torch is the heavy oracle of the extra 'oracles'")

T, B, D, H, O = 7, 3, 4, 5, 2  # noqa: E741
KINDS = {
    "tanh": (lambda d: Vanilla(d, H), lambda k: torch.nn.RNN(D, H, k)),
    "relu": (lambda d: Vanilla(d, H, "relu"), lambda k: torch.nn.RNN(D, H, k, nonlinearity="relu")),
    "LSTM": (lambda d: LSTM(d, H), lambda k: torch.nn.LSTM(D, H, k)),
    "GRU": (lambda d: GRU(d, H), lambda k: torch.nn.GRU(D, H, k)),
}


def ours(kind: str, module, layer: int) -> dict[str, np.ndarray]:
    """The weights (or gradients) of one torch layer under our names.

    Torch keeps two biases, b_ih and b_hh, where a plain sum needs one: only the GRU has
    both here. For the others b_hh is set to zero.
    """

    def get(name: str) -> np.ndarray:
        return module[f"{name}_l{layer}"]

    arrays = {"W": get("weight_ih"), "U": get("weight_hh"), "b": get("bias_ih")}
    return arrays | ({"b_h": get("bias_hh")} if kind == "GRU" else {})


@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("learner", [BPTT, RTRL, lambda n: Hybrid(n, block=3)])
def test_parity(kind: str, layers: int, learner) -> None:
    torch.manual_seed(layers)
    make_ours, make_theirs = KINDS[kind]
    module, readout = make_theirs(layers).double(), torch.nn.Linear(H, O).double()
    if kind != "GRU":
        with torch.no_grad():
            for name, p in module.named_parameters():
                if name.startswith("bias_hh"):
                    p.zero_()
    cells = [make_ours(D if k == 0 else H) for k in range(layers)]
    net = Network(Stack(cells), Linear(H, O), SquaredError())
    values = {name: p.detach().numpy() for name, p in module.named_parameters()}
    params = Params.merge(
        *(Params(ours(kind, values, k)).prefixed(f"cell.{k}.") for k in range(layers)),
        {"readout.V": readout.weight.detach().numpy(), "readout.b": readout.bias.detach().numpy()},
    )
    rng = np.random.default_rng(layers)
    blocks = 2 if kind == "LSTM" else 1
    starts = rng.standard_normal((blocks, layers, B, H))
    batch = Batch(
        rng.standard_normal((T, B, D)),
        rng.standard_normal((T, B, O)),
        initial_state=starts.transpose(2, 1, 0, 3).reshape(B, -1),
    )
    first = tuple(torch.tensor(start) for start in starts)
    out, _ = module(torch.tensor(batch.inputs), first if kind == "LSTM" else first[0])
    y = readout(out)
    loss = 0.5 * ((y - torch.tensor(batch.targets)) ** 2).sum() / B
    loss.backward()
    np.testing.assert_allclose(net.forward(params, batch).outputs, y.detach(), rtol=1e-12)
    gradients = {name: p.grad.numpy() for name, p in module.named_parameters()}
    truth = Params.merge(
        *(Params(ours(kind, gradients, k)).prefixed(f"cell.{k}.") for k in range(layers)),
        {"readout.V": readout.weight.grad.numpy(), "readout.b": readout.bias.grad.numpy()},
    )
    value, grads = learner(net).gradient(params, batch)
    assert value == pytest.approx(loss.item(), rel=1e-12)
    result = compare(grads, truth)
    assert result.max_relative < 1e-12, str(result)
