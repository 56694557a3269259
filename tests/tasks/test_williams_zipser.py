"""Williams & Zipser's tasks: definitions, baselines, and the machine that balances parentheses."""

import itertools

import numpy as np
import pytest

from rnncore import tasks
from rnncore.tasks import parentheses
from rnncore.tasks.parentheses import CONTROLLER, SYMBOLS, Action

DRAWS = {
    "sequence": lambda rng: tasks.sequence_recognition(rng, 30, 3, constant_input=True),
    "non-match": lambda rng: tasks.delayed_non_match(rng, 30, 3, constant_input=True),
    "machine": lambda rng: tasks.parenthesis_machine(rng, 30, 3, constant_input=True),
}


@pytest.mark.parametrize("name", DRAWS)
def test_a_seed_settles_everything(name):
    first, again, other = (DRAWS[name](np.random.default_rng(seed)) for seed in (1, 1, 2))
    for part in ("inputs", "targets", "mask"):
        np.testing.assert_array_equal(getattr(first, part), getattr(again, part))
    assert not np.array_equal(first.inputs, other.inputs)
    assert first.size == 3 and first.steps == 30
    assert (first.inputs[..., -1] == 1).all() and set(np.unique(first.targets)) == {0, 1}
    with pytest.raises(TypeError, match="rng"):
        DRAWS[name](0)


# -- sequence recognition and delayed non-match ----------------------------------------


def test_recognition_fires_at_the_first_b_after_an_a(rng):
    batch = tasks.sequence_recognition(rng, 200, 5, lines=4)
    assert batch.mask is None
    np.testing.assert_array_equal(batch.inputs.sum(axis=2), np.ones((200, 5)))
    for b in range(5):
        line = "".join("AB.."[k] for k in batch.inputs[:, b].argmax(axis=1))
        for t in range(200):
            since = line[: t + 1].rstrip(".")[:-1].replace(".", "") if line[t] == "B" else ""
            assert batch.targets[t, b, 0] == since.endswith("A")


def test_non_match_compares_with_the_bit_of_the_last_cue(rng):
    for delay in (0, 1, 3):
        batch = tasks.delayed_non_match(rng, 100, 4, cue=0.3, delay=delay)
        bits, cues = batch.inputs[..., 0], batch.inputs[..., 1]
        assert cues[0].all() and 0.2 < cues.mean() < 0.4
        for t in range(100):
            for b in range(4):
                if t < delay:
                    assert batch.mask[t, b] == 0
                    continue
                asked = t - delay
                assert batch.mask[t, b] == 1 - cues[asked, b]
                sample = bits[np.flatnonzero(cues[: asked + 1, b])[-1], b]
                assert batch.targets[t, b, 0] == (bits[asked, b] != sample)


@pytest.mark.parametrize("lines", [2, 4])
@pytest.mark.parametrize("steps", [3, 40])
def test_the_baseline_of_recognition(steps, lines, rng):
    batch = tasks.sequence_recognition(rng, steps, 20_000, lines=lines)
    baseline = tasks.sequence_recognition_baseline(steps, lines)
    at_b = batch.inputs[..., 1] == 1
    assert not batch.targets[..., 0][~at_b].any()
    p = batch.targets[..., 0][at_b].mean()
    share = at_b.mean()
    assert min(p, 1 - p) * share == pytest.approx(baseline.error_rate, abs=0.01)
    assert 0.5 * p * (1 - p) * share == pytest.approx(baseline.squared_error, abs=0.005)
    entropy = -share * (p * np.log(p) + (1 - p) * np.log(1 - p))
    assert entropy == pytest.approx(baseline.cross_entropy, abs=0.01)


def test_the_baseline_of_non_match(rng):
    batch = tasks.delayed_non_match(rng, 60, 500)
    scored = batch.mask > 0
    baseline = tasks.delayed_non_match_baseline()
    for bit, cue in itertools.product((0, 1), repeat=2):
        here = scored & (batch.inputs[..., 0] == bit) & (batch.inputs[..., 1] == cue)
        assert batch.targets[here].mean() == pytest.approx(0.5, abs=0.04)
    assert baseline.error_rate == 0.5


# -- the machine -------------------------------------------------------------------------


def balanced(tape):
    """By taking out pairs, which has nothing in common with the machine."""
    while "()" in tape:
        tape = tape.replace("()", "")
    return tape == ""


def test_the_machine_is_right_on_every_short_tape():
    for length in range(1, 9):
        for symbols in itertools.product("()", repeat=length):
            tape = "".join(symbols)
            controller = tasks.parenthesis_controller()
            verdict, left, steps = tasks.run_parenthesis_machine(tape, controller)
            assert verdict is balanced(tape), tape
            assert steps[-1][1].halt and not any(action.halt for _, action in steps[:-1])
            if verdict:
                assert left == "*" * length


def test_every_row_of_the_controller_is_used_and_no_other_pair_occurs():
    used = set()
    for length in range(1, 7):
        for symbols in itertools.product("()", repeat=length):
            state = parentheses.SEEK
            for symbol, action in tasks.run_parenthesis_machine(
                "".join(symbols), tasks.parenthesis_controller()
            )[2]:
                used.add((state, symbol))
                state, expected = CONTROLLER[state, symbol]
                assert action == expected
            assert state == parentheses.SEEK
    assert used == set(CONTROLLER)


def test_no_two_states_of_the_controller_are_the_same():
    """On some symbol that two states share they act differently: three are needed."""
    for one, two in itertools.combinations(range(3), 2):
        shared = [s for s in SYMBOLS if (one, s) in CONTROLLER and (two, s) in CONTROLLER]
        assert any(CONTROLLER[one, s][1] != CONTROLLER[two, s][1] for s in shared)


def test_a_bad_controller_is_stopped():
    right, left = Action(1, 0, 0, 0), Action(0, 0, 0, 0)
    assert tasks.run_parenthesis_machine("()", lambda symbol: right)[0] is None
    verdict, _, steps = tasks.run_parenthesis_machine("()", lambda symbol: left)
    assert verdict is None and len(steps) == 2
    marks = lambda symbol: Action(1, 1, 0, 0)  # noqa: E731
    assert tasks.run_parenthesis_machine("()", marks)[:2] == (None, "**")
    turns = itertools.cycle((right, left))
    verdict, _, steps = tasks.run_parenthesis_machine("()", lambda symbol: next(turns), limit=9)
    assert verdict is None and len(steps) == 9


def test_tapes_are_balanced_half_of_the_time_and_of_all_lengths(rng):
    tapes = [tasks.parenthesis_tape(rng, 7) for _ in range(2000)]
    right = np.array([balanced(tape) for tape in tapes])
    assert right.mean() == pytest.approx(0.5, abs=0.04)
    assert {len(tape) for tape in tapes} == set(range(1, 8))
    assert {len(tape) for tape, ok in zip(tapes, right, strict=True) if ok} == {2, 4, 6}
    assert {t for t in tapes if len(t) == 6 and balanced(t)} >= {"((()))", "()()()", "(())()"}


def test_the_stream_is_what_the_controller_does(rng):
    batch = tasks.parenthesis_machine(rng, 300, 4, longest=5)
    np.testing.assert_array_equal(batch.inputs.sum(axis=2), np.ones((300, 4)))
    np.testing.assert_array_equal(batch.mask[..., 0], 1 - batch.targets[..., 2])
    assert (batch.mask[..., 1:] == 1).all()
    for b in range(4):
        controller = tasks.parenthesis_controller()
        for x, d in zip(batch.inputs[:, b], batch.targets[:, b], strict=True):
            assert controller(SYMBOLS[int(x.argmax())]) == tuple(d)
    assert batch.targets[..., 3].any() and batch.targets[..., 2].sum() > 60


def test_the_baseline_of_the_machine(rng):
    batch = tasks.parenthesis_machine(rng, 400, 50)
    baseline = tasks.parenthesis_machine_baseline(batch)
    # A ")" is only ever met in one state; there the symbol alone is enough.
    symbols = batch.inputs.argmax(axis=2)
    closing = batch.targets[symbols == 1]
    assert (closing == closing[0]).all()
    squared, wrong = 0.0, np.zeros(symbols.shape, bool)
    outputs = np.zeros_like(batch.targets)
    for symbol in range(4):
        for k in range(4):
            here = (symbols == symbol) & (batch.mask[..., k] > 0)
            outputs[here, k] = batch.targets[here, k].mean()
    errors = 0.5 * (outputs - batch.targets) ** 2 * batch.mask
    squared = errors.sum() / symbols.size
    wrong = (((outputs > 0.5) != (batch.targets > 0.5)) & (batch.mask > 0)).any(axis=2)
    assert baseline.squared_error == pytest.approx(squared)
    assert baseline.error_rate == pytest.approx(wrong.mean())
    p = np.clip(outputs, 1e-300, 1)
    q = np.clip(1 - outputs, 1e-300, 1)
    entropy = -(batch.targets * np.log(p) + (1 - batch.targets) * np.log(q)) * batch.mask
    assert baseline.cross_entropy == pytest.approx(entropy.sum() / symbols.size)
    assert 0.3 < baseline.error_rate < 0.5


REFUSED = {
    "lines": lambda rng: tasks.sequence_recognition(rng, 5, lines=1),
    "steps": lambda rng: tasks.sequence_recognition(rng, 0),
    "steps ": lambda rng: tasks.delayed_non_match(rng, 3, delay=2),
    "cue": lambda rng: tasks.delayed_non_match(rng, 9, cue=0.0),
    "cue ": lambda rng: tasks.delayed_non_match(rng, 9, cue=np.nan),
    "delay": lambda rng: tasks.delayed_non_match(rng, 9, delay=-1),
    "longest": lambda rng: tasks.parenthesis_machine(rng, 9, longest=1),
    "longest ": lambda rng: tasks.parenthesis_tape(rng, 0),
    "tape": lambda rng: tasks.run_parenthesis_machine("(x", tasks.parenthesis_controller()),
    "tape ": lambda rng: tasks.run_parenthesis_machine("", tasks.parenthesis_controller()),
    "limit": lambda rng: tasks.run_parenthesis_machine("(", tasks.parenthesis_controller(), 0),
    "lines ": lambda rng: tasks.sequence_recognition_baseline(5, 1),
    "batch": lambda rng: tasks.parenthesis_machine_baseline(tasks.latch(rng, 3, 2)),
}


@pytest.mark.parametrize("argument", REFUSED)
def test_bad_arguments_are_refused_by_name(argument, rng):
    with pytest.raises(ValueError, match=argument.strip()):
        REFUSED[argument](rng)
