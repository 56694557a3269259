"""The checks that a mutant must face, named after the tests they are the core of.

The truth is worked out once, before any mutant is in place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache

import numpy as np

from rnncore import BPTT, RTRL, CheckpointedBPTT, Hybrid
from rnncore.learners import SnAp
from rnncore.verify import relative_error
from tests.cells import test_derivatives as derivatives
from tests.cells import test_stretch_contracts as contracts
from tests.core import test_layout as layout
from tests.core import test_values as values
from tests.learners import test_artbp as artbp
from tests.learners import test_exact as exact
from tests.learners import test_focused as focused
from tests.learners import test_local as local
from tests.learners import test_many_steps as many_steps
from tests.learners import test_online as online
from tests.learners import test_snap as snap
from tests.learners import test_truncated as truncated
from tests.mutation import chance, curvature, sparse, stretch
from tests.tasks import test_influence_balancing as balancing

Check = Callable[[], None]
LEARNERS = {
    "BPTT": BPTT,
    "checkpointed BPTT": CheckpointedBPTT,
    "checkpointed BPTT, every 2": lambda net: CheckpointedBPTT(net, every=2),
    "checkpointed BPTT, every 4": lambda net: CheckpointedBPTT(net, every=4),
    "RTRL": RTRL,
    "hybrid, block 4": lambda net: Hybrid(net, block=4),
    "hybrid, block 1": lambda net: Hybrid(net, block=1),
    "SnAp at saturation": lambda net: SnAp(net, steps=50),
}
DERIVATIVES = {
    name.removeprefix("test_"): getattr(derivatives, name)
    for name in (
        "test_state_jacobian",
        "test_immediate_jacobian",
        "test_pull_is_the_transposed_jacobian",
        "test_pull_leaves_the_adjoint_alone",
        "test_collect",
        "test_push",
        "test_influence_step",
        "test_jvp",
        "test_step_is_pure",
    )
}


class Settled(derivatives.Case):
    """A case whose complex-step Jacobians are worked out before any mutation."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        state, inputs, params = super().by_state(), super().by_input(), super().by_params()
        self.by_state = lambda: state  # type: ignore[method-assign]
        self.by_input = lambda: inputs  # type: ignore[method-assign]
        self.by_params = lambda: params  # type: ignore[method-assign]
        self.clean = (self.weights, self.next)

    def fresh(self) -> Settled:
        """The same case with a tape of its own, for a mutant may have left its mark."""
        self.rng = np.random.default_rng(5)
        self.weights = self.cell.prepare(self.params)
        self.next, self.tape = self.cell.step(self.weights, self.s, self.x)
        np.testing.assert_allclose(self.next, self.clean[1], rtol=1e-12)
        return self


@cache
def settled(name: str) -> Settled:
    return Settled(name)


@cache
def exact_loss(cell: str, setting: str) -> float:
    net, params, batch, _ = exact.case(cell, setting, 6, 2)
    return float(net.evaluate(params, batch))


def gradient(cell: str, setting: str, learner: str) -> None:
    net, params, batch, truth = exact.case(cell, setting, 6, 2)
    loss, grads = LEARNERS[learner](net).gradient(params, batch)
    np.testing.assert_allclose(loss, exact_loss(cell, setting), rtol=1e-12)
    # A bound of its own, far under any mutant's effect, so that names with a zero
    # gradient need no special care.
    assert relative_error(grads.flat(), truth.flat()) < 1e-10


def checks_for(cells: tuple[str, ...], settings: tuple[str, ...]) -> Iterable[tuple[str, Check]]:
    """The checks on these cells in these settings, the quickest first."""
    if settings in chance.LEARNERS:
        yield from chance.checks_for(cells, settings)
        return
    if settings in curvature.KINDS:
        yield from curvature.checks_for(cells, settings)
        return
    if settings == sparse.SPARSE:
        yield from sparse.checks(cells)
        return
    if settings == stretch.STRETCH:
        yield from of_stretches(cells)
        return
    for learner in LEARNERS:
        for cell in cells:
            for setting in settings:
                label = f"test_exact[{cell}-{setting}-{learner}]"
                yield label, lambda c=cell, s=setting, m=learner: gradient(c, s, m)
    yield "test_checkpoints_are_square_root", exact.test_checkpoints_are_square_root
    yield "test_adjoints_are_total_derivatives", values.test_adjoints_are_total_derivatives
    yield "test_a_teacher_without_a_mask", lambda: contracts.test_a_teacher_without_a_mask("LSTM")
    for size in (1, 2):
        label = f"test_outer_products_are_summed[{size}]"
        yield label, lambda b=size: layout.test_outer_products_are_summed(4, b, (2,), 1)
    yield "test_influence_has_no_row_too_many", online.test_influence_has_no_row_too_many
    yield "test_masked_rtrl[LSTM]", lambda: snap.agrees("LSTM", "learned start", 1)
    for name, test in DERIVATIVES.items():
        for cell in cells:
            yield f"test_{name}[{cell}]", lambda t=test, c=cell: t(settled(c).fresh())
    yield from truncation()
    yield from traces()


def of_stretches(cells: tuple[str, ...]) -> Iterable[tuple[str, Check]]:
    """Of what runs and sweeps over many steps: gradients, single derivatives, and contracts."""
    for cell in cells:
        for setting in ("learned start", "teacher, learned start"):
            for learner in ("BPTT", "checkpointed BPTT, every 2", "RTRL"):
                label = f"test_exact[{cell}-{setting}-{learner}]"
                yield label, lambda c=cell, s=setting, m=learner: gradient(c, s, m)
    for name, test in DERIVATIVES.items():
        for cell in cells:
            yield f"test_{name}[{cell}]", lambda t=test, c=cell: t(settled(c).fresh())
    yield from stretch.checks()


def truncation() -> Iterable[tuple[str, Check]]:
    """Of the truncated learners, and of the task that shows where they go wrong."""
    setting = "teacher, learned start"
    for k1, k2 in ((2, 3), (1, 1), (2, 5), (7, 7)):
        label = f"test_grid[{k1}-{k2}-{setting}]"
        yield label, lambda a=k1, b=k2: truncated.agrees("vanilla tanh", setting, 7, 2, a, b)
    yield "test_step_by_step of truncated BPTT", truncated.test_step_by_step
    for cuts in ((False, True, False, False), (False,) * 4, (True,) * 4):
        label = f"test_every_single_pattern[{setting}-falling, {cuts}]"
        yield label, lambda x=cuts: artbp.agrees("vanilla tanh", setting, "falling", x)
    yield "test_step_by_step of ARTBP", artbp.test_step_by_step
    yield "test_derivatives of the balanced chain", balancing.test_derivatives_of_the_chain
    yield "test_the_chain", balancing.test_the_chain


def traces() -> Iterable[tuple[str, Check]]:
    """Of the learners that run on eligibility traces."""
    rule, setting = local.EProp, "teacher, learned start"
    for cell in ("LSTM peepholes", "GRU", "masked vanilla"):
        label = f"test_eprop_is_the_gradient_with_frozen_input[{cell}]"
        yield label, lambda c=cell: local.symmetric_agrees(rule, c, setting)
    for name, cell, start in (
        ("EProp", "LSTM peepholes", setting),
        ("EProp", "vanilla tanh", setting),
        ("EProp", "GRU", "no mask"),
        ("DNI", "GRU", setting),
        ("Hybrid", "GRU", setting),
        ("RTRL", "GRU", setting),
        ("RFLO", "GRU", "squared error"),
        ("DiagonalRTRL", "linear recurrent unit", setting),
    ):
        label = f"test_many_steps_are_the_sum_of_single_ones[{name}-{cell}-{start}]"
        yield label, lambda n=name, c=cell, s=start: many_steps.agrees(n, c, s)
    heard = many_steps.test_a_subclass_with_steps_of_its_own_is_heard
    for name in ("EProp", "RTRL"):
        yield f"{heard.__name__}[{name}]", lambda n=name: heard(n)
    yield "test_adaptive_feedback[leaky]", lambda: local.adaptive_agrees("leaky", "squared error")
    yield "test_focused.test_exact", lambda: focused.exact("linear recurrent unit", "learned start")


def warm_up(cells: tuple[str, ...], settings: tuple[str, ...]) -> None:
    """Work out every truth, and see that the unchanged package passes."""
    for _, check in checks_for(cells, settings):
        check()
