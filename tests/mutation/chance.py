"""Targets and checks of the learners that draw signs, and of DNI."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from tests.learners import test_dni as dni
from tests.learners import test_forward_gradient as forward
from tests.learners import test_kf_rtrl as kf_rtrl
from tests.learners import test_uoro as uoro
from tests.learners import test_uoro_stretch as many

Check = Callable[[], None]
UORO, FORWARD, KF_RTRL, DNI = ("UORO",), ("forward gradient",), ("KF-RTRL",), ("DNI",)
MANY = ("UORO, many steps",)
LEARNERS = (UORO, FORWARD, KF_RTRL, DNI, MANY)
TEACHER = "teacher, learned start"
GATED = ("vanilla tanh", "LSTM peepholes", "GRU", "diagonal LSTM")

# target: (cells, settings); the settings choose the checks below
TARGETS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "rnncore.learners.noise:balance": (("LSTM",), UORO),
    "rnncore.learners.noise:_norm": (("LSTM",), UORO),
    "rnncore.learners.noise:_spread": (GATED, MANY),
    "rnncore.learners.uoro:UORO.init": (("LSTM",), UORO),
    "rnncore.learners.uoro:UORO.learn": (("LSTM", "mixed stack"), UORO),
    "rnncore.learners.uoro:UORO._pull_both": (("LSTM", "mixed stack"), UORO),
    "rnncore.learners.noise:scalings": (GATED, MANY),
    "rnncore.learners.noise:draw_steps": (GATED, MANY),
    "rnncore.learners.uoro:UORO._learn_all": (GATED, MANY),
    "rnncore.learners.uoro_stretch:learn_stretch": (GATED, MANY),
    "rnncore.learners.uoro_stretch:pull_each": (GATED, MANY),
    "rnncore.learners.uoro_stretch:products": (GATED, MANY),
    "rnncore.learners.uoro_stretch:carry": (GATED, MANY),
    "rnncore.learners.uoro_stretch:combine": (GATED, MANY),
    "rnncore.cells.groups:Group.delta": (GATED, MANY),
    "rnncore.cells.chain:chain_forward": (GATED, MANY),
    "rnncore.learners.forward_gradient:ForwardGradient.init": (("masked LSTM",), FORWARD),
    "rnncore.learners.forward_gradient:ForwardGradient.learn": (("masked LSTM",), FORWARD),
    "rnncore.learners.forward_gradient:uncut": (("masked stack", "masked feedback"), FORWARD),
    "rnncore.learners.kf_rtrl:KFRTRL.init": (("LSTM",), KF_RTRL),
    "rnncore.learners.kf_rtrl:KFRTRL.learn": (("LSTM",), KF_RTRL),
    "rnncore.learners.kf_rtrl:KFRTRL._cut_up": (("second order", "masked LSTM"), KF_RTRL),
    "rnncore.learners.kf_rtrl:factors": (("LSTM", "second order"), KF_RTRL),
    "rnncore.learners.dni:Critic.features": (("LSTM",), DNI),
    "rnncore.learners.dni:Critic.predict": (("LSTM",), DNI),
    "rnncore.learners.dni:Critic.learn": (("LSTM",), DNI),
    "rnncore.learners.dni:DNI.init": (("LSTM",), DNI),
    "rnncore.learners.dni:DNI.learn": (("LSTM", "mixed stack"), DNI),
    "rnncore.learners.dni:DNI._taught": (("LSTM", "mixed stack"), DNI),
    "rnncore.learners.dni:DNI.run": (("LSTM",), DNI),
}

EQUIVALENT: dict[str, str] = {
    "learners.noise:scalings, line 9: ratio + dead → ratio - dead": "minus zero is zero",
    "learners.uoro_stretch:combine, line 16: u if drawn.v is drawn.u else whole(drawn.v, direct.v) "
    "→ whole(drawn.v, direct.v)": "computes again what is known to be the same",
    "learners.uoro_stretch:pull_each, line 10: u if d.dv is d.du else pull(d.dv, cell._gate_cuts) "
    "→ pull(d.dv, cell._gate_cuts)": "computes again what is known to be the same",
}


def checks_for(cells: tuple[str, ...], settings: tuple[str, ...]) -> Iterable[tuple[str, Check]]:
    """The checks of one of them, the quickest first."""
    return {
        UORO: of_uoro,
        FORWARD: of_forward,
        KF_RTRL: of_kf_rtrl,
        DNI: of_dni,
        MANY: of_many_steps,
    }[settings](cells)


def in_both_settings(
    name: str, check: Callable[[str, str], None], *cells: str
) -> Iterable[tuple[str, Check]]:
    """A check of each cell, without a teacher and with one."""
    for cell in cells:
        for setting in ("squared error", TEACHER):
            yield f"UORO: {name}[{cell}-{setting}]", lambda c=cell, s=setting: check(c, s)


def of_uoro(cells: tuple[str, ...]) -> Iterable[tuple[str, Check]]:
    check = uoro.test_every_pattern_is_the_definition
    yield from in_both_settings("test_every_pattern_is_the_definition", check, *cells)
    yield (
        "UORO: test_mean_over_all_signs[vanilla-learned start]",
        lambda: uoro.test_mean_over_all_signs("vanilla", "learned start"),
    )
    yield "UORO: test_noise", uoro.test_noise
    yield "UORO: test_dtypes", uoro.test_dtypes


def of_many_steps(cells: tuple[str, ...]) -> Iterable[tuple[str, Check]]:
    for cell in cells:
        yield f"UORO: test_tangents_are_pushed[{cell}]", lambda c=cell: many.tangents_are_pushed(c)
        name = "test_memory_and_gradient_are_those_of_single_steps"
        yield from in_both_settings(name, many.agrees, cell)
    yield (
        "UORO: test_every_pattern_is_the_definition[LSTM]",
        lambda: uoro.test_every_pattern_is_the_definition("LSTM", TEACHER),
    )
    for test in (
        uoro.test_noise,
        many.test_normal_numbers,
        many.test_products_that_are_zero,
        many.test_what_cancels_to_the_last_digit_counts_as_zero,
        many.test_derivatives_of_its_own_are_respected,
        many.test_single_precision_and_wider_targets,
        many.test_a_complex_step_passes,
        many.test_numbers_given_beforehand,
    ):
        yield f"UORO: {test.__name__}", test
    yield (
        "UORO: test_one_draw_for_many_steps",
        lambda: many.test_one_draw_for_many_steps("signs", "PCG64"),
    )


def of_forward(cells: tuple[str, ...]) -> Iterable[tuple[str, Check]]:
    for cell in cells:
        yield (
            f"forward gradient: test_what_is_cut_stays_cut[{cell}]",
            lambda c=cell: forward.test_what_is_cut_stays_cut(c),
        )
        for setting in ("squared error", TEACHER):
            yield (
                f"forward gradient: test_every_direction_is_the_definition[{cell}-{setting}]",
                lambda c=cell, s=setting: forward.test_every_direction_is_the_definition(c, s),
            )
    yield "forward gradient: test_masks_within_masks", forward.test_masks_within_masks
    yield "forward gradient: test_it_runs_online", forward.test_it_runs_online


def of_kf_rtrl(cells: tuple[str, ...]) -> Iterable[tuple[str, Check]]:
    for cell in cells:
        for setting in ("squared error", TEACHER):
            if cell != "second order":
                yield (
                    f"KF-RTRL: test_every_pattern_is_the_definition[{cell}-{setting}]",
                    lambda c=cell, s=setting: kf_rtrl.test_every_pattern_is_the_definition(c, s),
                )
            yield (
                f"KF-RTRL: test_mean_over_all_signs[{cell}-{setting}]",
                lambda c=cell, s=setting: kf_rtrl.test_mean_over_all_signs(c, s),
            )
    yield (
        "KF-RTRL: test_mean_over_all_signs[vanilla without bias]",
        lambda: kf_rtrl.test_mean_over_all_signs("vanilla without bias", "squared error"),
    )
    yield "KF-RTRL: test_memory_and_dtype", kf_rtrl.test_memory_and_dtype


def of_dni(cells: tuple[str, ...]) -> Iterable[tuple[str, Check]]:
    for cell in cells:
        for setting in ("learned start", TEACHER):
            yield (
                f"DNI: test_it_is_its_definition[{cell}-{setting}]",
                lambda c=cell, s=setting: dni.test_it_is_its_definition(c, s),
            )
        yield (
            f"DNI: test_exact_with_an_oracle[{cell}]",
            lambda c=cell: dni.test_exact_with_an_oracle(c, "squared error"),
        )
    yield "DNI: test_classes_count_as_one_hot_rows", dni.test_classes_count_as_one_hot_rows
    yield (
        "DNI: test_steps_sum_to_the_gradient",
        (dni.test_steps_sum_to_the_gradient_and_memory_is_a_value),
    )
    yield "DNI: test_a_critic_at_zero", dni.test_a_critic_at_zero_gives_only_the_read_out
    yield "DNI: test_single_precision", dni.test_single_precision
