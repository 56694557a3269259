"""Tasks: small problems with a known source, drawn from a seeded generator, with a baseline.

Each generator takes ``rng`` and sizes and returns a :class:`~rnncore.data.Batch`; beside it
stands a function ``..._baseline`` that gives what the best predictor without memory reaches.

============================  ==================================================================
:func:`which_came_first`      order of two symbols; the task that a memoryless network cannot solve
:func:`temporal_order`        order among distractors, four classes
:func:`delayed_xor`           XOR of two bits some steps ago
:func:`running_count`         number of ones so far, any lengths
:func:`running_parity`        parity of the ones so far, any lengths
:func:`sequence_recognition`  B for the first time after A, whatever came between
:func:`delayed_non_match`     each bit compared with the last one that had a cue
:func:`parenthesis_machine`   the controller of a Turing machine that balances parentheses
:func:`latch`                 one bit held against noise
:func:`recall`                one bit stored and read on command
:func:`adding`                sum of two marked numbers
:func:`lagged_add`            sum of the inputs t1 and t2 steps ago, a part of the loss for each
:func:`oscillation`           a wave produced without input
:func:`mackey_glass`          a chaotic series some steps ahead
:func:`narma`                 a nonlinear moving average of ten inputs
============================  ==================================================================

:func:`influence_balancing` is a task of another kind: it comes with its network, on which
truncated gradients have the wrong sign, and has no randomness. For the two time series the
baselines are fitted to data: :func:`persistence_baseline` and :func:`linear_baseline`, which sees
the last inputs.
"""

from rnncore.tasks.add import lagged_add, lagged_add_baseline
from rnncore.tasks.common import Baseline, binary_baseline, error_rate, per_score, windowed
from rnncore.tasks.influence_balancing import (
    BalancedChain,
    Balancing,
    balancing_horizon,
    balancing_influence,
    influence_balancing,
    influence_by_running,
)
from rnncore.tasks.logic import (
    delayed_xor,
    delayed_xor_baseline,
    random_lengths,
    running_count,
    running_count_baseline,
    running_parity,
    running_parity_baseline,
)
from rnncore.tasks.mackey_glass import (
    linear_baseline,
    mackey_glass,
    mackey_glass_series,
    narma,
    normalized_error,
    persistence_baseline,
)
from rnncore.tasks.memory import (
    adding,
    adding_baseline,
    latch,
    latch_baseline,
    recall,
    recall_baseline,
)
from rnncore.tasks.order import (
    temporal_order,
    temporal_order_baseline,
    which_came_first,
    which_came_first_baseline,
)
from rnncore.tasks.oscillation import oscillation, oscillation_baseline
from rnncore.tasks.parentheses import (
    Action,
    parenthesis_controller,
    parenthesis_machine,
    parenthesis_machine_baseline,
    parenthesis_tape,
    run_parenthesis_machine,
)
from rnncore.tasks.williams_zipser import (
    delayed_non_match,
    delayed_non_match_baseline,
    sequence_recognition,
    sequence_recognition_baseline,
)

__all__ = [
    "Action",
    "BalancedChain",
    "Balancing",
    "Baseline",
    "adding",
    "adding_baseline",
    "balancing_horizon",
    "balancing_influence",
    "binary_baseline",
    "delayed_non_match",
    "delayed_non_match_baseline",
    "delayed_xor",
    "delayed_xor_baseline",
    "error_rate",
    "influence_balancing",
    "influence_by_running",
    "lagged_add",
    "lagged_add_baseline",
    "latch",
    "latch_baseline",
    "linear_baseline",
    "mackey_glass",
    "mackey_glass_series",
    "narma",
    "normalized_error",
    "oscillation",
    "oscillation_baseline",
    "parenthesis_controller",
    "parenthesis_machine",
    "parenthesis_machine_baseline",
    "parenthesis_tape",
    "per_score",
    "persistence_baseline",
    "random_lengths",
    "recall",
    "recall_baseline",
    "run_parenthesis_machine",
    "running_count",
    "running_count_baseline",
    "running_parity",
    "running_parity_baseline",
    "sequence_recognition",
    "sequence_recognition_baseline",
    "temporal_order",
    "temporal_order_baseline",
    "which_came_first",
    "which_came_first_baseline",
    "windowed",
]
