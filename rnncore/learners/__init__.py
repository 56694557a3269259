"""Learners: ways to compute the gradient of a network's loss."""

from rnncore.learners.artbp import ARTBP
from rnncore.learners.base import Card, Gradient, Learner, OnlineLearner, Step
from rnncore.learners.bptt import BPTT, CheckpointedBPTT
from rnncore.learners.hybrid import Hybrid
from rnncore.learners.regularizer import Omega, PascanuOmega, Regularized
from rnncore.learners.rtrl import RTRL
from rnncore.learners.snap import SnAp
from rnncore.learners.truncated import TruncatedBPTT

__all__ = [
    "ARTBP",
    "BPTT",
    "RTRL",
    "Card",
    "CheckpointedBPTT",
    "Gradient",
    "Hybrid",
    "Learner",
    "Omega",
    "OnlineLearner",
    "PascanuOmega",
    "Regularized",
    "SnAp",
    "Step",
    "TruncatedBPTT",
]
