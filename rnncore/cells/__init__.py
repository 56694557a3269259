"""Recurrent cells and what is composed of them."""

from rnncore.cells.base import Cell
from rnncore.cells.diagonal import (
    DiagonalCell,
    DiagonalLSTM,
    FocusedContext,
    Leaky,
    LinearRecurrentUnit,
)
from rnncore.cells.feedback import OutputFeedback
from rnncore.cells.general import GeneralCell
from rnncore.cells.gru import GRU, GRUResetBefore
from rnncore.cells.lstm import LSTM
from rnncore.cells.masked import Masked
from rnncore.cells.memory import MemoryCell
from rnncore.cells.pointwise import Partials, PointwiseCell
from rnncore.cells.second_order import SecondOrder
from rnncore.cells.stack import Stack
from rnncore.cells.vanilla import FullyRecurrent, Vanilla

__all__ = [
    "GRU",
    "LSTM",
    "Cell",
    "DiagonalCell",
    "DiagonalLSTM",
    "FocusedContext",
    "FullyRecurrent",
    "GRUResetBefore",
    "GeneralCell",
    "Leaky",
    "LinearRecurrentUnit",
    "Masked",
    "MemoryCell",
    "OutputFeedback",
    "Partials",
    "PointwiseCell",
    "SecondOrder",
    "Stack",
    "Vanilla",
]
