"""Every derivative of the package: where it stands, and which cells show it at work."""

from __future__ import annotations

from tests.mutation import chance, curvature, sparse, stretch

POINTWISE = ("GRU", "LSTM peepholes", "vanilla without bias")
GENERAL = ("GRU reset before", "second order")
STACKS = ("mixed stack", "stack on feedback")
FEEDBACK = ("feedback", "feedback around a stack", "stack on feedback")
MASKED = ("masked vanilla", "masked LSTM", "masked stack")
LSTMS = (
    "LSTM",
    "LSTM 1997",
    "LSTM peepholes",
    "LSTM 1997 peepholes",
    "LSTM coupled",
    "LSTM coupled peepholes",
)
DIAGONAL = ("focused context", "diagonal LSTM", "linear recurrent unit")
EVERYWHERE = ("vanilla tanh", "LSTM", "GRU reset before", "feedback", "mixed stack")
TANH = ("vanilla tanh",)
PLAIN = ("squared error",)
ALL = (
    "squared error",
    "learned start",
    "teacher",
    "teacher, learned start",
    "no mask",
)

# target: (cells, settings)
TARGETS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "rnncore.activations:TANH.slope": (("vanilla tanh", "feedback around a stack"), PLAIN),
    "rnncore.activations:LOGISTIC.slope": (("vanilla logistic",), PLAIN),
    "rnncore.activations:RELU.slope": (("vanilla relu",), PLAIN),
    "rnncore.activations:IDENTITY.slope": (("vanilla identity",), PLAIN),
    "rnncore.layout:correlate": (("vanilla tanh", "GRU reset before"), PLAIN),
    "rnncore.cells.base:Cell.state_jacobian": (("LSTM",), PLAIN),
    "rnncore.cells.base:Cell.immediate_jacobian": (("LSTM",), PLAIN),
    "rnncore.cells.vanilla:Vanilla.partials": (("vanilla tanh", "vanilla logistic"), PLAIN),
    "rnncore.cells.lstm:LSTM.partials": (LSTMS, PLAIN),
    "rnncore.cells.memory:MemoryCell.partials": (("memory cell",), PLAIN),
    "rnncore.cells.gru:GRU.partials": (("GRU",), PLAIN),
    "rnncore.cells.gru:GRUResetBefore.pull": (("GRU reset before",), PLAIN),
    "rnncore.cells.gru:GRUResetBefore.input_adjoint": (("mixed stack",), PLAIN),
    "rnncore.cells.gru:GRUResetBefore.collect": (("GRU reset before",), PLAIN),
    "rnncore.cells.second_order:SecondOrder.pull": (("second order",), PLAIN),
    "rnncore.cells.second_order:SecondOrder.input_adjoint": (("mixed stack",), PLAIN),
    "rnncore.cells.second_order:SecondOrder.collect": (("second order",), PLAIN),
    "rnncore.cells.general:GeneralCell.push": (GENERAL, PLAIN),
    "rnncore.cells.general:GeneralCell._pull_units": (GENERAL, PLAIN),
    "rnncore.cells.general:GeneralCell._immediate": (GENERAL, PLAIN),
    "rnncore.cells.general:GeneralCell.influence_step": (GENERAL, PLAIN),
    "rnncore.cells.general:GeneralCell.jvp": (GENERAL, PLAIN),
    "rnncore.cells.pointwise:PointwiseCell.pull": ((*POINTWISE, *DIAGONAL), PLAIN),
    "rnncore.cells.pointwise:PointwiseCell.input_adjoint": (("stack of two",), PLAIN),
    "rnncore.cells.pointwise:PointwiseCell.collect": ((*POINTWISE, *DIAGONAL), PLAIN),
    "rnncore.cells.influence:jacobian": (POINTWISE, PLAIN),
    "rnncore.cells.pointwise:PointwiseCell.influence_step": (POINTWISE, PLAIN),
    "rnncore.cells.influence:immediate": (POINTWISE, PLAIN),
    "rnncore.cells.influence:_by_block": (POINTWISE, PLAIN),
    "rnncore.cells.influence:add_immediate": (POINTWISE, PLAIN),
    "rnncore.cells.stack:Stack.pull": (STACKS, PLAIN),
    "rnncore.cells.stack:Stack.input_adjoint": (("feedback around a stack",), PLAIN),
    "rnncore.cells.stack:Stack.collect": (STACKS, PLAIN),
    "rnncore.cells.stack:Stack.push": (STACKS, PLAIN),
    "rnncore.cells.stack:Stack.influence_step": (STACKS, PLAIN),
    "rnncore.cells.stack:Stack.jvp": (STACKS, PLAIN),
    "rnncore.cells.feedback:OutputFeedback.pull": (FEEDBACK, PLAIN),
    "rnncore.cells.feedback:OutputFeedback.collect": (FEEDBACK, PLAIN),
    "rnncore.cells.feedback:OutputFeedback.push": (FEEDBACK, PLAIN),
    "rnncore.cells.feedback:OutputFeedback._both": (FEEDBACK, PLAIN),
    "rnncore.cells.feedback:OutputFeedback._with_output": (FEEDBACK, PLAIN),
    "rnncore.cells.feedback:OutputFeedback.influence_step": (FEEDBACK, PLAIN),
    "rnncore.cells.feedback:OutputFeedback.jvp": (FEEDBACK, PLAIN),
    "rnncore.cells.masked:Masked.collect": (MASKED, PLAIN),
    "rnncore.cells.masked:Masked.influence_step": (MASKED, PLAIN),
    "rnncore.cells.masked:Masked.jvp": (MASKED, PLAIN),
    "rnncore.readouts:Linear.through": (
        ("vanilla tanh",),
        ("squared error", "softmax, squared error"),
    ),
    "rnncore.readouts:Linear.pull": (("vanilla tanh",), PLAIN),
    "rnncore.readouts:Linear.collect": (("vanilla tanh",), PLAIN),
    "rnncore.readouts:Units.pull": (("vanilla tanh",), ("teacher", "teacher, learned start")),
    "rnncore.losses:SquaredError.adjoint": (("vanilla tanh",), ("squared error", "no mask")),
    "rnncore.losses:BinaryCrossEntropy.adjoint": (("vanilla tanh",), ("binary", "binary, no mask")),
    "rnncore.losses:CategoricalCrossEntropy.adjoint": (
        ("vanilla tanh",),
        ("classes", "distributions"),
    ),
    "rnncore.learners.bptt:sweep": (EVERYWHERE, ALL),
    "rnncore.learners.bptt:BPTT.gradient": (EVERYWHERE, ALL),
    "rnncore.learners.bptt:BPTT.adjoints": (EVERYWHERE, ALL),
    "rnncore.learners.bptt:CheckpointedBPTT.gradient": (EVERYWHERE, ALL),
    "rnncore.learners.bptt:CheckpointedBPTT._checkpoints": (EVERYWHERE, ALL),
    "rnncore.learners.base:OnlineLearner.gradient": (EVERYWHERE, ALL),
    "rnncore.learners.base:OnlineLearner._through": (EVERYWHERE, ALL),
    "rnncore.learners.base:OnlineLearner._first_influence": (EVERYWHERE, ALL),
    "rnncore.learners.base:OnlineLearner._split": (EVERYWHERE, ALL),
    "rnncore.learners.instant:instant": (EVERYWHERE, ALL),
    "rnncore.learners.instant:instants": (EVERYWHERE, ALL),
    "rnncore.learners.base:OnlineLearner.advance": (EVERYWHERE, ALL),
    "rnncore.learners.rtrl:RTRL.learn": (EVERYWHERE, ALL),
    "rnncore.learners.rtrl:RTRL._learn_all": (EVERYWHERE, ALL),
    "rnncore.learners.rtrl:RTRL._credit": (EVERYWHERE, ALL),
    "rnncore.learners.hybrid:Hybrid.learn": (EVERYWHERE, ALL),
    "rnncore.learners.hybrid:Hybrid._learn_all": (EVERYWHERE, ALL),
    "rnncore.learners.hybrid:Hybrid.flush": (EVERYWHERE, ALL),
    "rnncore.learners.hybrid:Hybrid._close": (EVERYWHERE, ALL),
    "rnncore.learners.hybrid:Hybrid._sweep": (EVERYWHERE, ALL),
    "rnncore.learners.truncated:carry_back": (TANH, PLAIN),
    "rnncore.learners.truncated:TruncatedBPTT.learn": (TANH, PLAIN),
    "rnncore.learners.truncated:TruncatedBPTT.flush": (TANH, PLAIN),
    "rnncore.learners.truncated:TruncatedBPTT._sweep": (TANH, PLAIN),
    "rnncore.learners.artbp:ARTBP.learn": (TANH, PLAIN),
    "rnncore.learners.artbp:ARTBP.flush": (TANH, PLAIN),
    "rnncore.learners.artbp:ARTBP._sweep": (TANH, PLAIN),
    "rnncore.tasks.influence_balancing:BalancedChain.step": (TANH, PLAIN),
    "rnncore.tasks.influence_balancing:BalancedChain.pull": (TANH, PLAIN),
    "rnncore.tasks.influence_balancing:BalancedChain.input_adjoint": (TANH, PLAIN),
    "rnncore.tasks.influence_balancing:BalancedChain.collect": (TANH, PLAIN),
    "rnncore.tasks.influence_balancing:BalancedChain.rest": (TANH, PLAIN),
    "rnncore.learners.snap:transition": (("GRU", "masked LSTM", "feedback"), PLAIN),
    "rnncore.learners.snap:SnAp._gather": (("LSTM",), ("learned start",)),
    "rnncore.learners.snap:SnAp.learn": (("LSTM",), ALL),
    "rnncore.learners.snap:SnAp._propagate": (("LSTM", "mixed stack"), PLAIN),
    "rnncore.learners.snap:SnAp._add_immediate": (("LSTM", "mixed stack"), PLAIN),
    "rnncore.learners.snap:SnAp._credit": (("LSTM", "mixed stack"), PLAIN),
    "rnncore.cells.diagonal:FocusedContext.partials": (("focused context",), PLAIN),
    "rnncore.cells.diagonal:DiagonalLSTM.partials": (("diagonal LSTM",), PLAIN),
    "rnncore.cells.diagonal:LinearRecurrentUnit.partials": (("linear recurrent unit",), PLAIN),
    "rnncore.cells.diagonal:Leaky.partials": (("leaky",), PLAIN),
    "rnncore.learners.eligibility:renew": (TANH, PLAIN),
    "rnncore.learners.eligibility:_fill": (TANH, PLAIN),
    "rnncore.learners.local:TraceLearner.init": (TANH, PLAIN),
    "rnncore.learners.local:TraceLearner.learn": (TANH, PLAIN),
    "rnncore.learners.eligibility:contract": (TANH, PLAIN),
    "rnncore.learners.local:TraceLearner._named": (TANH, PLAIN),
    "rnncore.learners.local:TraceLearner._learn_all": (TANH, PLAIN),
    "rnncore.learners.eligibility:renew_all": (TANH, PLAIN),
    "rnncore.cells.groups:Group.named": (TANH, PLAIN),
    "rnncore.cells.groups:Group.factor": (TANH, PLAIN),
    "rnncore.cells.groups:Group.collect": (TANH, PLAIN),
    "rnncore.learners.random_feedback:FeedbackLearner._signal": (TANH, PLAIN),
    "rnncore.learners.random_feedback:AdaptiveEProp.learn": (TANH, PLAIN),
}
TARGETS |= chance.TARGETS | curvature.TARGETS | stretch.TARGETS | sparse.TARGETS

# Mutants that no test can see, with the reason. Most only save work.
EQUIVALENT: dict[str, str] = {
    "cells.feedback:OutputFeedback.collect, line 9: 0 → 1": (
        "no cell's collect looks at its weights"
    ),
    "learners.hybrid:Hybrid.flush, line 3: return params.zeros_like() → return "
    "-params.zeros_like()": "minus zero is zero",
    "learners.hybrid:Hybrid.flush, line 5: 0 → 1": "carries a unit adjoint that nobody asks for",
    "learners.instant:instants, line 14: s if replaced is None else s.copy() → s.copy()": (
        "copies what could stay where it is"
    ),
    "learners.instant:instants, line 24: force if teacher else keep → force": (
        "a teacher that is not there forces nothing"
    ),
    "learners.eligibility:renew, line 4: 1 → 2": "any number will do that is less than zero",
    "cells.influence:_by_block, line 7: 1 → 2": "adds zeros, for a gate that has no part",
    "learners.snap:SnAp._add_immediate, line 15: entries[colors] if one else entries[colors, "
    "np.arange(count)] → entries[colors, np.arange(count)]": "copies what could stay where it is",
    "learners.truncated:TruncatedBPTT.flush, line 4: return params.zeros_like() → return "
    "-params.zeros_like()": "minus zero is zero",
    "learners.artbp:ARTBP.flush, line 3: return params.zeros_like() → return "
    "-params.zeros_like()": "minus zero is zero",
}
EQUIVALENT |= chance.EQUIVALENT | curvature.EQUIVALENT | stretch.EQUIVALENT | sparse.EQUIVALENT
