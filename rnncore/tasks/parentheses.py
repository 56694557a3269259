"""A Turing machine that balances parentheses, and the stream that its controller sees.

After the last of the tasks of Williams & Zipser (1989).
"""

from __future__ import annotations

from collections.abc import Callable
from math import log
from typing import NamedTuple

import numpy as np

from rnncore import checks
from rnncore.data import Batch
from rnncore.tasks.common import Baseline, at_least
from rnncore.tasks.williams_zipser import with_constant


class Action(NamedTuple):
    """What the controller of the parenthesis machine does at a step, as zeros and ones.

    ``right``: move the head to the right, else to the left. ``mark``: first write ``*``.
    ``halt``: stop (the head then no longer matters). ``balanced``: the verdict, 1 only when it
    halts on a balanced tape.
    """

    right: int
    mark: int
    halt: int
    balanced: int


SYMBOLS = "()*#"
SEEK, MATCH, SURVEY = range(3)
CONTROLLER: dict[tuple[int, str], tuple[int, Action]] = {
    (SEEK, "("): (SEEK, Action(1, 0, 0, 0)),
    (SEEK, "*"): (SEEK, Action(1, 0, 0, 0)),
    (SEEK, ")"): (MATCH, Action(0, 1, 0, 0)),
    (SEEK, "#"): (SURVEY, Action(0, 0, 0, 0)),
    (MATCH, "*"): (MATCH, Action(0, 0, 0, 0)),
    (MATCH, "("): (SEEK, Action(1, 1, 0, 0)),
    (MATCH, "#"): (SEEK, Action(0, 0, 1, 0)),
    (SURVEY, "*"): (SURVEY, Action(0, 0, 0, 0)),
    (SURVEY, "("): (SEEK, Action(0, 0, 1, 0)),
    (SURVEY, "#"): (SEEK, Action(0, 0, 1, 1)),
}
"""The finite state machine that balances parentheses: (state, symbol) -> (next state, action).

SEEK runs to the right to the first ``)``, marks it, and hands over to MATCH, which runs back to
the nearest ``(``, marks it, and seeks on; an end of the tape instead means that a ``)`` is left
over. Where SEEK finds no ``)`` to the end, SURVEY runs back and looks for a ``(`` left over.
Pairs that cannot occur are not listed. After a halt the next tape is mounted.
"""


def run_parenthesis_machine(
    tape: str, controller: Callable[[str], Action], limit: int = 100_000
) -> tuple[bool | None, str, list[tuple[str, Action]]]:
    """Put a controller in charge of a tape: its actions move the head and write.

    Parameters
    ----------
    tape
        Parentheses, for instance ``"(())"``. End marks ``#`` are added on both sides.
    controller
        Called with the symbol under the head at each step, returns the :class:`Action`. It has
        to keep its state itself.
    limit
        Steps after which the machine is stopped.

    Returns
    -------
    verdict, tape, steps
        True (balanced), False, or None where the controller ran off the tape, overwrote an end
        mark or did not halt; the tape as it was left; the symbols read and the actions taken.

    Raises
    ------
    ValueError
        If the tape is empty or holds anything but parentheses.

    Examples
    --------
    >>> run_parenthesis_machine("(())", parenthesis_controller())[:2]
    (True, '****')
    >>> run_parenthesis_machine("())", parenthesis_controller())[:2]
    (False, '***')
    """
    if not tape or set(tape) - set("()"):
        raise ValueError(f"tape: expected one or more parentheses, got {tape!r}")
    limit = checks.positive_int(limit, "limit")
    cells, head, steps = ["#", *tape, "#"], 1, []
    verdict = None
    for _ in range(limit):
        symbol = cells[head]
        action = controller(symbol)
        steps.append((symbol, action))
        if action.halt:
            verdict = bool(action.balanced)
            break
        if action.mark and symbol == "#":
            break
        if action.mark:
            cells[head] = "*"
        head += 1 if action.right else -1
        if not 0 <= head < len(cells):
            break
    return verdict, "".join(cells[1:-1]), steps


def parenthesis_controller() -> Callable[[str], Action]:
    """A fresh controller that follows ``CONTROLLER``.

    Examples
    --------
    >>> controller = parenthesis_controller()
    >>> controller("("), controller(")").mark
    (Action(right=1, mark=0, halt=0, balanced=0), 1)
    """
    state = SEEK

    def step(symbol: str) -> Action:
        nonlocal state
        state, action = CONTROLLER[state, symbol]
        return action

    return step


def parenthesis_tape(rng: np.random.Generator, longest: int) -> str:
    """Draw a tape: balanced or not with equal chance, 1 to ``longest`` symbols.

    Half of the tapes are balanced, of a random even length. The other half are fair random
    parentheses of a random length, drawn again until they are not balanced.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> [parenthesis_tape(rng, 6) for _ in range(4)]
    ['((((', ')', '))))))', '(())(']
    """
    rng = checks.generator(rng)
    longest = at_least(longest, 2, "longest")
    if rng.random() < 0.5:
        return _balanced(rng, int(rng.integers(1, longest // 2 + 1)))
    while True:
        bits = rng.integers(0, 2, size=rng.integers(1, longest + 1))
        tape = "".join("()"[bit] for bit in bits)
        if not _is_balanced(tape):
            return tape


def _balanced(rng: np.random.Generator, pairs: int) -> str:
    """A balanced string: as long as both are possible, open or close by a fair coin."""
    tape, opened, depth = "", 0, 0
    while len(tape) < 2 * pairs:
        opening = opened < pairs and (depth == 0 or rng.random() < 0.5)
        tape += "(" if opening else ")"
        opened, depth = opened + opening, depth + (1 if opening else -1)
    return tape


def _is_balanced(tape: str) -> bool:
    heights = np.cumsum([1 if symbol == "(" else -1 for symbol in tape])
    return bool(heights[-1] == 0 and heights.min() >= 0)


def parenthesis_machine(
    rng: np.random.Generator,
    steps: int,
    batch_size: int = 1,
    *,
    longest: int = 6,
    constant_input: bool = False,
) -> Batch:
    """What the controller of a Turing machine sees, and what it has to do.

    A simulated Turing machine decides whether the parentheses on its tape are balanced
    (``CONTROLLER``). The input is the symbol under the head, the target is the machine's
    :class:`Action`; its state is shown to nobody. When the machine halts, the head stands on a
    new random tape at the next step.

    The paper's task is the same in kind. The table of its machine is not given here from the
    text: the three states and four outputs are this package's own.

    Parameters
    ----------
    rng
        Source of all randomness.
    steps
        Length T of the stream; it may end in the middle of a tape.
    batch_size
        Number B of streams.
    longest
        Most parentheses on a tape, at least 2; see :func:`parenthesis_tape`.
    constant_input
        Add a fifth input that is always 1, for cells without a bias.

    Returns
    -------
    Batch
        Inputs (T, B, 4), one-hot in the order of ``SYMBOLS``, or (T, B, 5); targets (T, B, 4)
        in the order of :class:`Action`; mask (T, B, 4), which leaves out the direction at a halt.

    References
    ----------
    R. J. Williams and D. Zipser (1989), A learning algorithm for continually running
    fully recurrent neural networks, Neural Computation 1(2), learning to be a Turing machine.

    Examples
    --------
    >>> batch = parenthesis_machine(np.random.default_rng(2), steps=6)
    >>> "".join(SYMBOLS[k] for k in batch.inputs[:, 0].argmax(axis=1))
    '()(*#*'
    >>> batch.targets[:, 0, 1].astype(int)  # where it marks
    array([0, 1, 1, 0, 0, 0])
    """
    rng = checks.generator(rng)
    steps = checks.positive_int(steps, "steps")
    size = checks.positive_int(batch_size, "batch_size")
    longest = at_least(longest, 2, "longest")
    symbols = np.empty((steps, size), int)
    targets = np.empty((steps, size, len(Action._fields)))
    for b in range(size):
        seen: list[tuple[str, Action]] = []
        while len(seen) < steps:
            tape = parenthesis_tape(rng, longest)
            seen += run_parenthesis_machine(tape, parenthesis_controller())[2]
        symbols[:, b] = [SYMBOLS.index(symbol) for symbol, _ in seen[:steps]]
        targets[:, b] = [action for _, action in seen[:steps]]
    mask = np.ones_like(targets)
    mask[..., 0] = 1 - targets[..., 2]
    return Batch(with_constant(np.eye(len(SYMBOLS))[symbols], constant_input), targets, mask)


def parenthesis_machine_baseline(batch: Batch) -> Baseline:
    """The best that the symbol alone tells, by counting over a batch.

    For each symbol and each unit the mean target is the best output; the error rate counts
    steps at which any unit decides wrongly, each unit taking the likelier value of its own.

    Parameters
    ----------
    batch
        From :func:`parenthesis_machine`, long enough for its frequencies to count.

    Examples
    --------
    >>> batch = parenthesis_machine(np.random.default_rng(0), steps=20_000)
    >>> round(parenthesis_machine_baseline(batch).error_rate, 1)
    0.4
    """
    width = len(Action._fields)
    if batch.targets is None or batch.weights is None or batch.weights.shape[2] != width:
        raise ValueError("batch: expected the targets and mask of parenthesis_machine")
    symbols = batch.inputs[..., : len(SYMBOLS)].argmax(axis=2)
    squared = entropy = 0.0
    wrong = np.zeros(symbols.shape, bool)
    for symbol in range(len(SYMBOLS)):
        here = symbols == symbol
        for k in range(batch.targets.shape[2]):
            d, counts = batch.targets[here, k], batch.weights[here, k] > 0
            if not counts.any():
                continue
            p = float(d[counts].mean())
            squared += 0.5 * p * (1 - p) * float(counts.sum())
            entropy -= float(counts.sum()) * sum(q * log(q) for q in (p, 1 - p) if q > 0)
            wrong[here] |= counts & ((d > 0.5) != (p > 0.5))
    total = symbols.size
    rule = "for each symbol the likelier value of each unit"
    return Baseline(rule, squared / total, entropy / total, float(wrong.mean()))
