"""Training: one small loop, its history, early stop, checkpoints."""

from rnncore.training.checkpoint import CheckpointError
from rnncore.training.loop import train
from rnncore.training.result import DivergenceError, History, TrainingResult

__all__ = ["CheckpointError", "DivergenceError", "History", "TrainingResult", "train"]
