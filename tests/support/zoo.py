"""Every cell and composite, in sizes that keep a complex-step gradient cheap."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from rnncore import (
    GRU,
    LSTM,
    Batch,
    BinaryCrossEntropy,
    CategoricalCrossEntropy,
    FullyRecurrent,
    GRUResetBefore,
    Linear,
    Masked,
    MemoryCell,
    Network,
    OutputFeedback,
    Params,
    SecondOrder,
    SquaredError,
    Stack,
    Units,
    Vanilla,
)
from rnncore.cells import Cell
from rnncore.cells.diagonal import (
    DiagonalCell,
    DiagonalLSTM,
    FocusedContext,
    Leaky,
    LinearRecurrentUnit,
)

RING = np.eye(3) + np.roll(np.eye(3), 1, axis=0)  # each unit hears itself and the one before
SPARSE = np.array([[1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])

# D = 2 inputs and n = 3 units, so that no transposition can hide.
CELLS: dict[str, Callable[[], Cell]] = {
    "vanilla tanh": lambda: Vanilla(2, 3),
    "vanilla logistic": lambda: Vanilla(2, 3, "logistic"),
    "vanilla relu": lambda: Vanilla(2, 3, "relu"),
    "vanilla identity": lambda: Vanilla(2, 3, "identity"),
    "vanilla without bias": lambda: Vanilla(2, 3, bias=False),
    "fully recurrent": lambda: FullyRecurrent(2, 3),
    "LSTM": lambda: LSTM(2, 3),
    "LSTM 1997": lambda: LSTM(2, 3, forget_gate=False),
    "LSTM peepholes": lambda: LSTM(2, 3, peepholes=True),
    "LSTM 1997 peepholes": lambda: LSTM(2, 3, forget_gate=False, peepholes=True),
    "LSTM coupled": lambda: LSTM(2, 3, coupled=True),
    "LSTM coupled peepholes": lambda: LSTM(2, 3, coupled=True, peepholes=True),
    "memory cell": lambda: MemoryCell(2, 3),
    "GRU": lambda: GRU(2, 3),
    "GRU reset before": lambda: GRUResetBefore(2, 3),
    "second order": lambda: SecondOrder(2, 3),
    "stack of two": lambda: Stack([Vanilla(2, 3), Vanilla(3, 2)]),
    "mixed stack": lambda: Stack([LSTM(2, 2), GRUResetBefore(2, 3), SecondOrder(3, 2)]),
    "deep stack": lambda: Stack([GRU(2, 2), LSTM(2, 2, peepholes=True), Vanilla(2, 2), GRU(2, 2)]),
    "feedback": lambda: OutputFeedback(Vanilla(4, 3), 2, "logistic"),
    "feedback around a stack": lambda: OutputFeedback(
        Stack([SecondOrder(4, 2), LSTM(2, 2)]), 2, "tanh"
    ),
    "stack on feedback": lambda: Stack([OutputFeedback(GRU(4, 2), 2, "tanh"), LSTM(2, 2)]),
    "masked vanilla": lambda: Masked(Vanilla(2, 3), {"U": RING, "W": SPARSE}),
    "masked LSTM": lambda: Masked(LSTM(2, 3), {"U": RING}),
    "masked stack": lambda: Masked(Stack([GRU(2, 3), Vanilla(3, 3)]), {"0.U": RING, "1.U": RING}),
    "masked feedback": lambda: OutputFeedback(Masked(LSTM(4, 3), {"U": RING}), 2, "tanh"),
    "leaky": lambda: Leaky(2, 3),
    "focused context": lambda: FocusedContext(2, 3),
    "diagonal LSTM": lambda: DiagonalLSTM(2, 3),
    "linear recurrent unit": lambda: LinearRecurrentUnit(2, 3),
    "masked diagonal LSTM": lambda: Masked(DiagonalLSTM(2, 3), {"W": SPARSE}),
    "stack on a diagonal cell": lambda: Stack([LinearRecurrentUnit(2, 2), Vanilla(4, 3)]),
}


@dataclass(frozen=True)
class Setting:
    """How a cell is used: read-out, loss, mask, start, and a teacher."""

    outputs: Callable[[Cell], object]
    loss: Callable[[], object]
    targets: str = "real"
    mask: str | None = None
    learn_initial_state: bool = False
    teacher_forcing: bool = False


SETTINGS: dict[str, Setting] = {
    "squared error": Setting(lambda c: Linear(c.output_size, 3, "tanh"), SquaredError, mask="unit"),
    "learned start": Setting(
        lambda c: Linear(c.output_size, 2), SquaredError, mask="step", learn_initial_state=True
    ),
    "teacher": Setting(lambda c: Units([1]), SquaredError, mask="unit", teacher_forcing=True),
    "teacher, learned start": Setting(
        lambda c: Units([1, 0]),
        SquaredError,
        mask="unit",
        teacher_forcing=True,
        learn_initial_state=True,
    ),
    "no mask": Setting(lambda c: Linear(c.output_size, 2), SquaredError),
    "binary, no mask": Setting(
        lambda c: Linear(c.output_size, 2, "logistic"), BinaryCrossEntropy, "binary"
    ),
    "binary": Setting(
        lambda c: Linear(c.output_size, 2, "logistic"), BinaryCrossEntropy, "binary", "unit"
    ),
    "classes": Setting(
        lambda c: Linear(c.output_size, 3, "softmax"), CategoricalCrossEntropy, "classes", "step"
    ),
    "distributions": Setting(
        lambda c: Linear(c.output_size, 3, "softmax"), CategoricalCrossEntropy, "distribution"
    ),
    "softmax, squared error": Setting(
        lambda c: Linear(c.output_size, 3, "softmax"), SquaredError, mask="unit"
    ),
}


def network(cell: str, setting: str = "squared error") -> Network:
    """A network of that cell in that setting."""
    s, made = SETTINGS[setting], CELLS[cell]()
    return Network(
        made,
        s.outputs(made),  # type: ignore[arg-type]
        s.loss(),  # type: ignore[arg-type]
        learn_initial_state=s.learn_initial_state,
        teacher_forcing=s.teacher_forcing,
    )


def random_params(net: Network, rng: np.random.Generator, scale: float = 0.7) -> Params:
    """Parameters without a zero among them: biases, peepholes and the start are drawn too."""
    return net.init_params(rng).map(lambda a: scale * rng.standard_normal(a.shape))


def random_batch(
    net: Network, setting: str, rng: np.random.Generator, steps: int = 6, size: int = 2
) -> Batch:
    """A batch with masks as the setting has them, and a non-zero initial state."""
    s, outputs = SETTINGS[setting], net.readout.output_size
    if s.targets == "classes":
        targets = rng.integers(outputs, size=(steps, size))
    elif s.targets == "distribution":
        # Weights of classes need not sum to one for the formulas to hold.
        targets = rng.random((steps, size, outputs))
    elif s.targets == "binary":
        targets = rng.integers(2, size=(steps, size, outputs)).astype(float)
    else:
        targets = rng.standard_normal((steps, size, outputs))
    mask = None
    if s.mask is not None:
        shape = (steps, size) if s.mask == "step" else (steps, size, outputs)
        mask = (rng.random(shape) < 0.7).astype(float)
        mask[-1] = 1  # the last loss sees every parameter
    start = None if s.learn_initial_state else rng.standard_normal((size, net.cell.state_size))
    return Batch(rng.standard_normal((steps, size, net.cell.input_size)), targets, mask, start)


def uncut(net: Network, name: str) -> np.ndarray:
    """Which entries of a parameter are not masked out, and can reach the loss at all."""
    cell, own = net.cell, name.removeprefix("cell.")
    if isinstance(cell, OutputFeedback) and own.startswith("cell."):
        cell, own = cell.cell, own.removeprefix("cell.")
    kept = np.ones(net.shapes[name], bool)
    if isinstance(cell, Masked) and name.startswith("cell.") and own in cell.shapes:
        kept = cell.mask[own] > 0
    plain = cell.cell if isinstance(cell, Masked) else cell
    if isinstance(plain, DiagonalCell) and not name.startswith("readout."):
        # Its units do not hear each other: one that is not read out has no gradient.
        rows = np.arange(len(kept))
        if isinstance(net.readout, Units):
            kept[~np.isin(rows % plain.hidden_size, net.readout.indices)] = False
        if isinstance(plain, DiagonalLSTM) and name == "initial_state":
            kept[: plain.hidden_size] = False  # h is shown, and never heard again
    return kept
