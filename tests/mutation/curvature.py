"""Targets and checks of what trains by more than a gradient: Omega, Hessian-free, Kalman."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from tests.training import test_conjugate_gradients as solver
from tests.training import test_hessian_free as free
from tests.training import test_kalman as kalman
from tests.training import test_regularizer as regularizer

Check = Callable[[], None]
HF = "rnncore.optimizers.hessian_free."
TANH = ("vanilla tanh",)
OMEGA, CURVATURE, KALMAN = ("omega",), ("curvature",), ("kalman",)
SOLVER = ("conjugate gradients",)
KINDS = (OMEGA, CURVATURE, SOLVER, KALMAN)

# target: (cells, settings); the settings choose the checks below
TARGETS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "rnncore.learners.regularizer:_terms": (("vanilla tanh", "GRU"), OMEGA),
    "rnncore.learners.regularizer:_imaginary": (("GRU",), OMEGA),
    "rnncore.learners.regularizer:Regularizer._run": (("vanilla tanh", "GRU"), OMEGA),
    "rnncore.learners.regularizer:PascanuOmega.signals": (TANH, OMEGA),
    "rnncore.learners.regularizer:PascanuOmega.gradient": (TANH, OMEGA),
    "rnncore.learners.regularizer:Omega.value": (("GRU",), OMEGA),
    "rnncore.learners.regularizer:Omega.gradient": (("GRU",), OMEGA),
    "rnncore.learners.regularizer:Omega._disturbed": (("GRU", "feedback"), OMEGA),
    "rnncore.learners.regularizer:Omega.immediate": (("GRU",), OMEGA),
    HF + "curvature:GaussNewton.product": (TANH, CURVATURE),
    HF + "curvature:GaussNewton.tangents": (
        TANH,
        CURVATURE,
    ),
    HF + "curvature:GaussNewton.output_product": (
        TANH,
        CURVATURE,
    ),
    HF + "curvature:GaussNewton._pull": (TANH, CURVATURE),
    HF + "curvature:GaussNewton._collect": (
        TANH,
        CURVATURE,
    ),
    HF + "curvature:GaussNewton.squared_gradients": (
        TANH,
        CURVATURE,
    ),
    HF + "solver:_run": ((), SOLVER),
    HF + "solver:_little_progress": ((), SOLVER),
    "rnncore.optimizers.kalman:ExtendedKalman.update": (TANH, KALMAN),
    "rnncore.optimizers.kalman:ExtendedKalman._forward": (("GRU",), KALMAN),
    "rnncore.optimizers.kalman:ExtendedKalman._remember": (("GRU",), KALMAN),
    "rnncore.optimizers.kalman:ExtendedKalman._pull": (("GRU",), KALMAN),
}

NOTHING_TO_DIVIDE = "any number will do where there is nothing to divide"
WHERE_NONE = "where(None, 0, a) is a copy of a"
EQUIVALENT: dict[str, str] = {
    "learners.regularizer:_terms, line 4: 1 → 2": NOTHING_TO_DIVIDE,
    "learners.regularizer:_terms, line 5: 1 → 2": NOTHING_TO_DIVIDE,
    "learners.regularizer:PascanuOmega.signals, line 7: slope if forced is None else "
    "np.where(forced, 0, slope) → np.where(forced, 0, slope)": WHERE_NONE,
    "optimizers.hessian_free.curvature:GaussNewton.product, line 5: structural / "
    "self.batch.size * ds if structural else None → structural / self.batch.size * ds": (
        "adds zeros where there is no structural damping"
    ),
    "optimizers.hessian_free.curvature:GaussNewton.tangents, line 9: states[t] if forced is "
    "None else np.where(forced, 0, states[t]) → np.where(forced, 0, states[t])": WHERE_NONE,
    "optimizers.hessian_free.curvature:GaussNewton._pull, line 7: s_bar.copy() if forced is "
    "None else np.where(forced, 0, s_bar) → np.where(forced, 0, s_bar)": WHERE_NONE,
}


def checks_for(cells: tuple[str, ...], settings: tuple[str, ...]) -> Iterable[tuple[str, Check]]:
    """The checks of one kind, the quickest first."""
    return {
        OMEGA: of_omega,
        CURVATURE: of_curvature,
        SOLVER: of_the_solver,
        KALMAN: of_kalman,
    }[settings](cells)


def of_omega(cells: tuple[str, ...]) -> Iterable[tuple[str, Check]]:
    yield (
        "test_on_a_single_pair_of_steps_it_can_be_done_on_paper",
        regularizer.test_on_a_single_pair_of_steps_it_can_be_done_on_paper,
    )
    yield "test_dead_signals", regularizer.test_dead_signals_are_no_division_by_zero
    yield "test_steps_behind_the_last_loss", regularizer.test_steps_behind_the_last_loss_add_nothing
    yield "test_forced_units_pass_nothing_on", regularizer.test_forced_units_pass_nothing_on
    yield (
        "test_the_paper_s_value_and_immediate_gradient",
        lambda: regularizer.test_the_paper_s_value_and_immediate_gradient("vanilla tanh"),
    )
    for cell in cells:
        yield (
            f"test_the_immediate_gradient_on_states[{cell}]",
            lambda c=cell: regularizer.test_the_immediate_gradient_on_states(c),
        )
        for setting in regularizer.RECURRENT:
            yield (
                f"test_the_full_gradient_on_every_cell[{cell}-{setting}]",
                lambda c=cell, s=setting: regularizer.test_the_full_gradient_on_every_cell(c, s),
            )
    yield "test_float32_stays_so", regularizer.test_float32_stays_so


def of_curvature(cells: tuple[str, ...]) -> Iterable[tuple[str, Check]]:
    for cell in cells:
        for setting in ("learned start", "classes"):
            yield (
                f"test_gradient_and_squared_gradients[{cell}-{setting}]",
                lambda c=cell, s=setting: free.test_gradient_and_squared_gradients(c, s),
            )
        for setting in free.SETTINGS:
            yield (
                f"test_products_are_those_of_the_dense_matrix[{cell}-{setting}]",
                lambda c=cell, s=setting: free.test_products_are_those_of_the_dense_matrix(c, s),
            )
        yield (
            f"test_structural_damping_against_the_dense_matrix[{cell}]",
            lambda c=cell: free.test_structural_damping_against_the_dense_matrix(
                c, "squared error"
            ),
        )
    yield "test_a_read_out_without_bias", free.test_a_read_out_without_bias
    for setting in ("no mask", "distributions"):
        yield (
            f"test_the_other_settings[{setting}]",
            lambda s=setting: free.test_the_other_settings(s),
        )


def of_the_solver(cells: tuple[str, ...]) -> Iterable[tuple[str, Check]]:
    for n in (2, 7):
        yield (
            f"test_conjugate_gradients_solve[{n}]",
            lambda n=n: solver.test_conjugate_gradients_solve(n, True),
        )
    yield "test_the_rule_itself", solver.test_the_rule_itself
    yield "test_nothing_to_do", solver.test_nothing_to_do
    yield "test_scales_do_not_matter", solver.test_scales_do_not_matter
    yield "test_a_good_preconditioner", solver.test_a_good_preconditioner_saves_steps
    yield "test_a_matrix_that_is_not_positive", solver.test_a_matrix_that_is_not_positive_is_refused
    yield "test_martens_rule_and_the_iterates_kept", solver.test_martens_rule_and_the_iterates_kept


def of_kalman(cells: tuple[str, ...]) -> Iterable[tuple[str, Check]]:
    yield (
        "test_the_update_is_the_paper_s[node]",
        lambda: kalman.test_the_update_is_the_paper_s("node"),
    )
    yield (
        "test_nothing_is_changed_in_place",
        kalman.test_nothing_is_changed_in_place_and_float32_stays,
    )
    for cell in cells:
        for setting in ("squared error", "teacher, learned start"):
            for how in ("rtrl", "bptt"):
                yield (
                    f"test_derivatives_of_the_outputs[{cell}-{setting}-{how}]",
                    lambda c=cell, s=setting, h=how: kalman.test_derivatives_of_the_outputs(
                        c, s, h
                    ),
                )
        for setting in ("squared error", "learned start", "teacher"):
            yield (
                f"test_a_window_s_derivatives[{cell}-{setting}]",
                lambda c=cell, s=setting: (
                    kalman.test_a_window_s_derivatives_are_those_of_the_window_alone(c, s, 2)
                ),
            )
    yield (
        "test_the_covariance_stays_symmetric_and_positive",
        lambda: kalman.test_the_covariance_stays_symmetric_and_positive("global", 0.0),
    )
