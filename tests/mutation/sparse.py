"""Targets and checks of SnAp over whole stretches of steps."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from tests.learners import test_many_steps as many_steps
from tests.learners import test_snap_stretch as snap
from tests.support import zoo

Check = Callable[[], None]
SPARSE = ("SnAp by stretches",)
CELLS = ("vanilla tanh", "GRU", "LSTM peepholes", "masked LSTM", "linear recurrent unit")
MODULE = "rnncore.learners.snap_stretch:"

# target: (cells, settings); the settings choose the checks below
TARGETS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    name: (CELLS, SPARSE)
    for name in (
        "rnncore.learners.snap:SnAp._learn_all",
        f"{MODULE}learn_stretch",
        f"{MODULE}carry_back",
        f"{MODULE}by_blocks",
        f"{MODULE}unit_transition",
        f"{MODULE}kept_transition",
        f"{MODULE}_take",
        f"{MODULE}Deposit.of",
        f"{MODULE}Deposit.collect",
    )
}
EQUIVALENT: dict[str, str] = {}


def checks(cells: tuple[str, ...]) -> Iterable[tuple[str, Check]]:
    """The checks on these cells, the quickest first."""
    for cell in cells:
        for setting in ("squared error", snap.TEACHER):
            yield (
                f"SnAp: test_memory_is_that_of_single_steps[{cell}-{setting}]",
                lambda c=cell, s=setting: snap.memory_agrees(zoo.network(c, s), s),
            )
    for test, names in (
        (snap.test_cells_of_three_blocks, ("chained", "chained apart")),
        (snap.test_complex_numbers_pass, ("LSTM peepholes",)),
        (snap.test_it_is_taken_by_pointwise_cells, ("vanilla tanh", "masked LSTM", "feedback")),
        (snap.test_single_precision_stays_so, ("GRU",)),
    ):
        for cell in names:
            yield f"SnAp: {test.__name__}[{cell}]", lambda t=test, c=cell: t(c)
    yield (
        "SnAp: test_memory_with_more_steps[linear recurrent unit-2]",
        lambda: snap.test_memory_with_more_steps("linear recurrent unit", 2),
    )
    for single in (
        snap.test_it_is_taken_where_nothing_leaves_the_unit,
        snap.test_rows_that_are_cut_off_and_units_without_themselves,
    ):
        yield f"SnAp: {single.__name__}", single
    for make in (snap.Halved, snap.halved_mask):
        yield (
            f"SnAp: test_a_reverse_mode_of_its_own_is_respected[{make.__name__}]",
            lambda m=make: snap.test_a_reverse_mode_of_its_own_is_respected(m),
        )
    yield (
        "SnAp: test_a_subclass_with_steps_of_its_own_is_heard",
        lambda: many_steps.test_a_subclass_with_steps_of_its_own_is_heard("SnAp"),
    )
