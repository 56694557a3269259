"""Targets and checks of what runs and sweeps over whole stretches of steps."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from rnncore import GRU
from tests.cells import test_influences as influences
from tests.cells import test_stretch as stretch
from tests.cells import test_stretch_contracts as contracts
from tests.cells import test_sweeps as sweeps
from tests.support import zoo

Check = Callable[[], None]
STRETCH = ("stretch",)
CELLS = ("GRU", "LSTM peepholes", "diagonal LSTM", "masked LSTM")
GENERAL = ("GRU reset before", "feedback", "mixed stack")

# target: (cells, settings); the settings choose the checks below and those of BPTT
TARGETS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "rnncore.cells.chain:sweep_stretch": (CELLS, STRETCH),
    "rnncore.cells.chain:room": (CELLS, STRETCH),
    "rnncore.cells.chain:chain_back": (CELLS, STRETCH),
    "rnncore.cells.chain:links_of": (CELLS, STRETCH),
    "rnncore.cells.chain:_neighbors": (CELLS, STRETCH),
    "rnncore.cells.chain:_side_by_side": (CELLS, STRETCH),
    "rnncore.cells.chain:follow": (CELLS, STRETCH),
    "rnncore.cells.tape:Partials.total": (CELLS, STRETCH),
    "rnncore.cells.tape:Partials.at": (CELLS, STRETCH),
    "rnncore.cells.tape:Stretch.partials_at": (CELLS, STRETCH),
    "rnncore.cells.tape:Stretch.__getitem__": (CELLS, STRETCH),
    "rnncore.cells.tape:Stretch._at": (CELLS, STRETCH),
    "rnncore.cells.tape:Stretch._chunk": (CELLS, STRETCH),
    "rnncore.cells.tape:Stretch.chunks": (CELLS, STRETCH),
    "rnncore.cells.tape:Stretch.partials": (CELLS, STRETCH),
    "rnncore.cells.tape:Deltas.__getitem__": (CELLS, STRETCH),
    "rnncore.cells.groups:groups_of": (CELLS, STRETCH),
    "rnncore.cells.pointwise:PointwiseCell.project": (CELLS, STRETCH),
    "rnncore.cells.pointwise:PointwiseCell.step": (CELLS, STRETCH),
    "rnncore.cells.pointwise:PointwiseCell.run": (CELLS, STRETCH),
    "rnncore.cells.pointwise:PointwiseCell._recurrent": (CELLS, STRETCH),
    "rnncore.cells.pointwise:PointwiseCell.at": (CELLS, STRETCH),
    "rnncore.cells.pointwise:PointwiseCell.sweep": (CELLS, STRETCH),
    "rnncore.cells.base:told": (CELLS, STRETCH),
    "rnncore.cells.base:Cell.run": (GENERAL, STRETCH),
    "rnncore.cells.base:Cell.projections": (GENERAL, STRETCH),
    "rnncore.cells.base:Cell.sweep": (GENERAL, STRETCH),
    "rnncore.cells.masked:Masked.run": (("masked LSTM",), STRETCH),
    "rnncore.cells.masked:Masked.sweep": (("masked LSTM",), STRETCH),
    "rnncore.cells.pointwise:PointwiseCell.push": ((*CELLS, "stack on a diagonal cell"), STRETCH),
    "rnncore.cells.pointwise:PointwiseCell.influences": (CELLS, STRETCH),
    "rnncore.cells.masked:Masked.influences": (("masked LSTM",), STRETCH),
    "rnncore.cells.base:Cell.influences": (GENERAL, STRETCH),
    "rnncore.cells.influence:Way.through": (CELLS, STRETCH),
    "rnncore.cells.influence:Way.at": (CELLS, STRETCH),
    "rnncore.cells.influence:push_tangents": ((*CELLS, "stack on a diagonal cell"), STRETCH),
    "rnncore.cells.influence:spread": (CELLS, STRETCH),
    "rnncore.cells.influence:Immediate.at": (CELLS, STRETCH),
    "rnncore.cells.influence:influences_of": (CELLS, STRETCH),
    "rnncore.cells.pointwise:PointwiseCell.jvp": ((*CELLS, "vanilla without bias"), STRETCH),
    "rnncore.network:Network.record": ((*CELLS, "feedback", "mixed stack"), STRETCH),
    "rnncore.network:Record.part": (CELLS, STRETCH),
    "rnncore.learners.bptt:backward": ((*CELLS, "mixed stack"), STRETCH),
}

POINTWISE = "cells.pointwise:PointwiseCell."
SIZES = "more or fewer at a time come to the same"
TOGETHER = "puts together again what is in one array already"
ROOM = "makes room that nobody uses"
SIDE_BY_SIDE = "one product or one for each block come to the same"
EQUIVALENT: dict[str, str] = {
    "cells.tape:Partials.at, line 6: by_u if self.dv is self.du else {key: a[index] for "
    "key, a in self.dv.items()} → {key: a[index] for key, a in self.dv.items()}": (
        "computes again what is known to be the same"
    ),
    POINTWISE + "collect, line 8: deltas if isinstance(deltas, Deltas) else Deltas.stack(deltas) "
    "→ Deltas.stack(deltas)": TOGETHER,
    POINTWISE + "collect, line 10: tapes.x if isinstance(tapes, Stretch) else np.stack([tape.x "
    "for tape in tapes]) → np.stack([tape.x for tape in tapes])": TOGETHER,
    POINTWISE + "collect, line 13: tapes.s[:-1] if isinstance(tapes, Stretch) else np.stack([t.s "
    "for t in tapes]) → np.stack([t.s for t in tapes])": TOGETHER,
    POINTWISE + "project, line 5: u if in_place else None → None": "adds into a new array",
    POINTWISE + "step, line 9: blocks[0] if len(blocks) == 1 else np.concatenate(blocks, axis=1) "
    "→ np.concatenate(blocks, axis=1)": "copies a single block",
    POINTWISE + "run, line 8: 1 → 2": ROOM,
    "cells.chain:room, line 6: 1 → 2": ROOM,
    "cells.chain:room, line 7: 1 → 2": "cuts the same arrays from other pieces of memory",
    "cells.chain:chain_back, line 27: 0 → 1": "every step has the same gaps",
    "cells.chain:chain_back, line 27: np.dot if flat[0, :, :cell.hidden_size].flags.c_contiguous "
    "else np.matmul → np.matmul": "the same product",
    "cells.chain:links_of, line 13: _neighbors(first, cuts) if result[0].size < SHORT else [[name] "
    "for name in cuts] → _neighbors(first, cuts)": SIDE_BY_SIDE,
    "cells.chain:links_of, line 13: _neighbors(first, cuts) if result[0].size < SHORT else [[name] "
    "for name in cuts] → [[name] for name in cuts]": SIDE_BY_SIDE,
    "cells.groups:groups_of, line 2: 'dv' if cell.apart else 'du' → 'dv'": (
        "where only u + v matters the partials by v are those by u"
    ),
    POINTWISE + "push, line 5: None if dx is None else jacobian(self, d.du, weights['W']) → "
    "jacobian(self, d.du, weights['W'])": "computes what is not used",
    POINTWISE + "jvp, line 26: [(d.dv, dv, self._gate_cuts)] if dv is not None else [] → "
    "[(d.dv, dv, self._gate_cuts)]": "without U there are no partials by v",
    "cells.base:Cell.sweep, line 21: len(tapes) - t → t - len(tapes)": "as many steps apart",
    "cells.base:Cell.projections, line 5: repeat(None, min(size, len(x) - start)) if u is None "
    "else u → repeat(None, min(size, len(x) - start))": "then each step projects its own input",
    "network:Network.record, line 12: replace if self.teacher_forcing else None → replace": (
        "where no teacher forces nothing is replaced"
    ),
    "learners.bptt:sweep, line 5: record.forced if network.teacher_forcing else None → "
    "record.forced": "where no teacher forces there is None at each step",
}
EQUIVALENT |= dict.fromkeys(
    (
        *(
            f"cells.influence:spread, line 3: {change}"
            for change in (
                "source.shape[0] * source.shape[2] → source.shape[0]",
                "source.shape[0] * source.shape[2] → source.shape[2]",
                "source.shape[0] * source.shape[2] → -(source.shape[0] * source.shape[2])",
                "0 → 1",
            )
        ),
        *(
            f"cells.base:Cell.projections, line 2: {change}"
            for change in (
                "x.shape[1] * self.state_size → x.shape[1]",
                "x.shape[1] * self.state_size → self.state_size",
                "x.shape[1] * self.state_size → -(x.shape[1] * self.state_size)",
                "1 → 2",
            )
        ),
    ),
    SIZES,
)


def checks() -> Iterable[tuple[str, Check]]:
    """The checks of stretches, on cells of their own, the quickest first."""
    for cell in ("GRU", "LSTM peepholes", "diagonal LSTM", "masked LSTM", *stretch.CHAINED):
        for teacher in (False, True):
            for test in (
                stretch.test_run_is_step_after_step,
                sweeps.test_sweep_is_pull_after_pull,
                sweeps.test_what_is_changed_between_goes_on,
            ):
                label = f"{test.__name__}[{cell}-{teacher}]"
                yield label, lambda t=test, c=cell, taught=teacher: t(c, taught)
    for cell in ("GRU", "LSTM peepholes", "diagonal LSTM", *stretch.CHAINED):
        for single in (
            stretch.test_collect_takes_whole_arrays_and_lists,
            stretch.test_groups_collect_what_the_cell_collects,
            sweeps.test_something_may_be_said_of_the_last_adjoints_alone,
            sweeps.test_single_steps_are_looked_at_in_time,
            sweeps.test_all_adjoints_come_back_however_a_sweep_is_cut,
            stretch.test_totals_are_the_derivatives_of_the_pointwise_function,
            contracts.test_a_projection_handed_in_is_used,
            contracts.test_parameters_need_not_be_prepared,
            contracts.test_units_are_pushed_in_parts,
            influences.test_one_step_after_the_other,
            contracts.test_parts_of_a_direction_add_up,
            contracts.test_nothing_that_comes_in_is_changed,
            contracts.test_single_precision_stays_so,
            contracts.test_complex_numbers_pass,
        ):
            yield f"{single.__name__}[{cell}]", lambda t=single, c=cell: t(c)
    for test in (
        stretch.test_partials_of_the_wrong_shape_are_refused,
        stretch.test_indices_and_slices,
        stretch.test_partials_of_single_steps_are_worked_out_together,
        stretch.test_deltas,
        stretch.test_chunks_cover_a_stretch,
        contracts.test_what_pull_gives_is_left_alone,
        contracts.test_types_of_adjoints_are_joined,
        influences.test_the_influence_of_one_unit_lies_in_one_piece,
        influences.test_what_is_prepared_is_small_beside_the_influence_matrix,
    ):
        yield test.__name__, test
    for several in (1, 2):
        yield (
            f"test_no_more_is_prepared_than_stays_in_the_cache[{several}]",
            lambda k=several: influences.test_no_more_is_prepared_than_stays_in_the_cache(k),
        )
    for cell in stretch.CHAINED:
        yield (
            f"test_blocks_made_from_one_another[{cell}]",
            lambda c=cell: stretch.test_blocks_made_from_one_another(c),
        )
    for cell in ("GRU", "LSTM peepholes", "deep stack", "feedback"):
        yield (
            f"test_gradients_do_not_depend_on_the_cuts[{cell}]",
            lambda c=cell: stretch.test_gradients_do_not_depend_on_the_cuts(
                c, "teacher, learned start"
            ),
        )
    for cell in ("vanilla tanh", "mixed stack"):
        yield (
            f"test_a_teacher_without_a_mask[{cell}]",
            lambda c=cell: contracts.test_a_teacher_without_a_mask(c),
        )
    for masked in (False, True):
        yield (
            f"test_a_pull_of_its_own_is_respected[{masked}]",
            lambda m=masked: contracts.test_a_pull_of_its_own_is_respected(m),
        )
    yield (
        "test_a_step_of_its_own_is_respected",
        lambda: contracts.test_a_step_of_its_own_is_respected(lambda: contracts.Doubled(2, 3)),
    )
    yield (
        "test_a_step_of_its_own_is_respected[masked]",
        lambda: contracts.test_a_step_of_its_own_is_respected(
            lambda: contracts.DoubledMask(GRU(2, 3), {"U": zoo.RING})
        ),
    )
    for own in (influences.Halved(2, 3), influences.Added(2, 3)):
        yield (
            f"test_a_step_of_its_own_is_respected[{own!r}]",
            lambda o=own: influences.test_a_step_of_its_own_is_respected(o),
        )
    yield (
        "test_a_step_of_its_own_is_respected[influence of a masked cell]",
        lambda: influences.test_a_step_of_its_own_is_respected(
            influences.AddedMask(GRU(2, 3), {"U": zoo.RING})
        ),
    )
