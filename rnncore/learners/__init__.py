"""Learners: ways to compute the gradient of a network's loss."""

from rnncore.learners.artbp import ARTBP
from rnncore.learners.base import Card, Gradient, Learner, OnlineLearner, Step
from rnncore.learners.bptt import BPTT, CheckpointedBPTT
from rnncore.learners.dni import DNI, Critic
from rnncore.learners.focused import DiagonalRTRL
from rnncore.learners.forward_gradient import ForwardGradient
from rnncore.learners.hybrid import Hybrid
from rnncore.learners.kf_rtrl import KFRTRL
from rnncore.learners.local import EProp, TraceLearner, TruncatedLSTM
from rnncore.learners.overview import (
    LearnerRow,
    LearnerTable,
    applies,
    every_cell,
    every_learner,
    learner_table,
    make_learner,
)
from rnncore.learners.random_feedback import (
    RFLO,
    AdaptiveEProp,
    FeedbackLearner,
    RandomEProp,
)
from rnncore.learners.regularizer import Omega, PascanuOmega, Regularized, Regularizer
from rnncore.learners.rtrl import RTRL
from rnncore.learners.snap import SnAp
from rnncore.learners.truncated import TruncatedBPTT
from rnncore.learners.uoro import UORO

__all__ = [
    "ARTBP",
    "BPTT",
    "DNI",
    "KFRTRL",
    "RFLO",
    "RTRL",
    "UORO",
    "AdaptiveEProp",
    "Card",
    "CheckpointedBPTT",
    "Critic",
    "DiagonalRTRL",
    "EProp",
    "FeedbackLearner",
    "ForwardGradient",
    "Gradient",
    "Hybrid",
    "Learner",
    "LearnerRow",
    "LearnerTable",
    "Omega",
    "OnlineLearner",
    "PascanuOmega",
    "RandomEProp",
    "Regularized",
    "Regularizer",
    "SnAp",
    "Step",
    "TraceLearner",
    "TruncatedBPTT",
    "TruncatedLSTM",
    "applies",
    "every_cell",
    "every_learner",
    "learner_table",
    "make_learner",
]
