"""Learners: ways to compute the gradient of a network's loss."""

from rnncore.learners.base import Card, Gradient, Learner, OnlineLearner, Step
from rnncore.learners.bptt import BPTT, CheckpointedBPTT
from rnncore.learners.hybrid import Hybrid
from rnncore.learners.rtrl import RTRL
from rnncore.learners.snap import SnAp

__all__ = [
    "BPTT",
    "RTRL",
    "Card",
    "CheckpointedBPTT",
    "Gradient",
    "Hybrid",
    "Learner",
    "OnlineLearner",
    "SnAp",
    "Step",
]
