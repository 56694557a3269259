"""Bad input: each a clear error that names the argument, what was expected and what came."""

import numpy as np
import pytest

from rnncore import (
    BPTT,
    LSTM,
    Batch,
    BinaryCrossEntropy,
    CategoricalCrossEntropy,
    Linear,
    Masked,
    Network,
    OutputFeedback,
    Params,
    SecondOrder,
    SquaredError,
    Stack,
    Units,
    Vanilla,
    activations,
    pad,
)

X, D = np.ones((4, 2, 3)), np.zeros((4, 2, 1))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"inputs": np.ones(3)}, ValueError, r"inputs: expected shape \(T, B, D\)"),
        ({"inputs": np.ones((0, 2, 3))}, ValueError, "at least one step, sequence and feature"),
        ({"inputs": np.ones((4, 0, 3))}, ValueError, "at least one step, sequence and feature"),
        ({"inputs": [["a"]]}, TypeError, "inputs: expected numbers"),
        (
            {"inputs": np.full(X.shape, np.nan)},
            ValueError,
            r"inputs: .* got nan at index \(0, 0, 0\) \(24 such",
        ),
        (
            {"inputs": X, "targets": np.full(D.shape, np.inf)},
            ValueError,
            "targets: expected finite",
        ),
        ({"inputs": X, "targets": D[:3]}, ValueError, r"targets: expected shape \(4, 2, O\)"),
        ({"inputs": X, "targets": np.zeros((3, 2), int)}, ValueError, "targets .classes.: exp"),
        ({"inputs": X, "mask": np.ones((4, 2))}, ValueError, "mask: given without targets"),
        ({"inputs": X, "targets": D, "mask": np.ones((2, 4))}, ValueError, "mask: expected one"),
        ({"inputs": X, "targets": D, "mask": np.ones((4, 2, 2))}, ValueError, "mask: expected"),
        ({"inputs": X, "targets": D, "mask": 2 * np.ones((4, 2))}, ValueError, r"in \[0, 1\]"),
        ({"inputs": X, "initial_state": np.ones((3, 5))}, ValueError, "initial_state: expected"),
        ({"inputs": X, "initial_state": np.full((2, 5), np.inf)}, ValueError, "initial_state: "),
    ],
)
def test_batch(arguments, error, message) -> None:
    with pytest.raises(error, match=message):
        Batch(**arguments)


def test_batch_accepts_one_sequence() -> None:
    batch = Batch(X[:, 0], D[:, 0], np.ones(4), np.ones(5))
    assert batch.inputs.shape == (4, 1, 3)
    assert batch.targets.shape == (4, 1, 1)
    assert batch.mask.shape == (4, 1)
    assert batch.initial_state.shape == (1, 5)
    assert Batch(X[:, 0], np.zeros(4, int)).targets.shape == (4, 1)
    assert Batch(X[:, 0], D[:, 0], np.ones((4, 1))).mask.shape == (4, 1)
    assert (batch.steps, batch.size) == (4, 1)


@pytest.mark.parametrize(
    ("sequences", "message"),
    [
        ([], "expected at least one, got none"),
        ([(np.ones((3, 2)), np.ones((2, 1)))], r"sequences\[0\]: expected inputs"),
        ([(np.ones((0, 2)), np.ones((0, 1)))], r"sequences\[0\]: expected inputs"),
        ([(np.ones((3, 2)), np.ones((3, 1))), (np.ones((3, 1)), np.ones((3, 1)))], r"\[1\] inputs"),
        ([(np.ones((3, 2)), np.ones((3, 1))), (np.ones((3, 2)), np.ones((3, 2)))], r"\[1\] target"),
    ],
)
def test_pad(sequences, message) -> None:
    with pytest.raises(ValueError, match=message):
        pad(sequences)


@pytest.mark.parametrize("size", [0, -1, 2.0, True, "3", None])
@pytest.mark.parametrize("make", [Vanilla, LSTM, SecondOrder, Linear])
def test_sizes(make, size) -> None:
    with pytest.raises((TypeError, ValueError), match="_size: expected a positive integer, got"):
        make(size, 3)
    with pytest.raises((TypeError, ValueError), match="_size: expected a positive integer, got"):
        make(3, size)


def test_names_of_functions_and_seeds() -> None:
    with pytest.raises(ValueError, match="activation: expected one of .*'tanh'.*got 'sigmoid'"):
        Vanilla(1, 2, "sigmoid")
    assert Vanilla(1, 2, activations.TANH).activation is activations.TANH
    for bad in (0, None, np.random.RandomState(0)):
        with pytest.raises(TypeError, match="rng: expected a numpy.random.Generator"):
            Vanilla(1, 2).init_params(bad)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="rng: expected a numpy.random.Generator"):
            Linear(1, 2).init_params(bad)  # type: ignore[arg-type]


def test_composites() -> None:
    with pytest.raises(ValueError, match="layers: expected at least one cell"):
        Stack([])
    with pytest.raises(ValueError, match=r"layers\[1\]: expected input_size 3 .*got 2"):
        Stack([Vanilla(1, 3), Vanilla(2, 2)])
    with pytest.raises(ValueError, match="at least output_size . 1 = 3, got 2"):
        OutputFeedback(Vanilla(2, 3), 2)
    with pytest.raises(ValueError, match=r"masks: unknown \['R'\]; the cell has \['W', 'U', 'b'\]"):
        Masked(Vanilla(1, 2), {"R": np.eye(2)})
    with pytest.raises(ValueError, match=r"masks\['U'\]: expected shape \(2, 2\), got \(3, 3\)"):
        Masked(Vanilla(1, 2), {"U": np.eye(3)})
    with pytest.raises(ValueError, match=r"masks\['U'\]: expected entries 0 and 1 only"):
        Masked(Vanilla(1, 2), {"U": 0.5 * np.eye(2)})
    with pytest.raises(ValueError, match="coupled: f = 1 - i needs forget_gate"):
        LSTM(1, 2, forget_gate=False, coupled=True)


@pytest.mark.parametrize("indices", [[], [0, 0], [-1]])
def test_units(indices) -> None:
    with pytest.raises(ValueError, match="indices: expected"):
        Units(indices)


def test_network_parts_must_fit() -> None:
    cell = Vanilla(3, 4)
    with pytest.raises(ValueError, match="readout: expected units 0 to 3, got"):
        Network(cell, Units([4]), SquaredError())
    with pytest.raises(ValueError, match="readout: expected hidden_size 4, got 5"):
        Network(cell, Linear(5, 1), SquaredError())
    with pytest.raises(ValueError, match="loss: BinaryCrossEntropy needs a logistic read-out"):
        Network(cell, Linear(4, 1), BinaryCrossEntropy())
    with pytest.raises(ValueError, match="loss: CategoricalCrossEntropy needs a softmax read-out"):
        Network(cell, Units([0]), CategoricalCrossEntropy())
    with pytest.raises(ValueError, match="teacher_forcing: needs a Units read-out"):
        Network(cell, Linear(4, 1), SquaredError(), teacher_forcing=True)


@pytest.fixture
def net() -> Network:
    return Network(Vanilla(3, 4), Linear(4, 1), SquaredError())


@pytest.fixture
def params(net: Network) -> Params:
    return net.init_params(np.random.default_rng(0))


def test_batches_must_fit(net: Network, params: Params) -> None:
    learner = BPTT(net)
    with pytest.raises(ValueError, match="inputs: expected 3 features, got 2"):
        learner.gradient(params, Batch(X[..., :2], D))
    with pytest.raises(ValueError, match=r"targets: expected shape \(T, B, 1\) for SquaredError"):
        learner.gradient(params, Batch(X, np.zeros((4, 2, 2))))
    with pytest.raises(ValueError, match="targets: expected shape"):
        learner.gradient(params, Batch(X, np.zeros((4, 2), int)))
    with pytest.raises(ValueError, match="batch: has no targets, so there is no loss"):
        learner.gradient(params, Batch(X))
    with pytest.raises(TypeError, match="batch: expected a Batch, got ndarray"):
        learner.gradient(params, X)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"initial_state: expected shape \(2, 4\), got \(2, 5\)"):
        learner.gradient(params, Batch(X, D, initial_state=np.ones((2, 5))))
    learned = Network(net.cell, net.readout, net.loss, learn_initial_state=True)
    with pytest.raises(ValueError, match="this network learns its own"):
        learned.evaluate(
            learned.init_params(np.random.default_rng(0)),
            Batch(X, D, initial_state=np.ones((2, 4))),
        )


def test_params_must_fit(net: Network, params: Params) -> None:
    batch = Batch(X, D)
    with pytest.raises(ValueError, match=r"params: missing \['cell.b'\], unknown \[\]"):
        net.evaluate(Params({n: a for n, a in params.items() if n != "cell.b"}), batch)
    wrong = Params({**dict(params), "cell.U": np.eye(3)})
    with pytest.raises(ValueError, match=r"cell.U: expected shape \(4, 4\), got \(3, 3\)"):
        net.evaluate(wrong, batch)
    with pytest.raises(ValueError, match="cell.U: expected finite numbers, got nan"):
        net.evaluate(params.replace(**{"cell.U": np.full((4, 4), np.nan)}), batch)


def test_forward_without_targets(net: Network, params: Params) -> None:
    trajectory = net.forward(params, Batch(X))
    assert trajectory.loss is None
    assert trajectory.losses is None
    assert trajectory.outputs.shape == (4, 2, 1)


def test_losses_check_their_targets() -> None:
    binary = Network(Vanilla(3, 4), Linear(4, 1, "logistic"), BinaryCrossEntropy())
    params = binary.init_params(np.random.default_rng(0))
    with pytest.raises(ValueError, match=r"probabilities in \[0, 1\], got 2.0 to 2.0"):
        binary.evaluate(params, Batch(X, D + 2))
    classes = Network(Vanilla(3, 4), Linear(4, 3, "softmax"), CategoricalCrossEntropy())
    params = classes.init_params(np.random.default_rng(0))
    with pytest.raises(ValueError, match="targets: expected classes 0 to 2, got 3 to 3"):
        classes.evaluate(params, Batch(X, np.full((4, 2), 3)))
    with pytest.raises(ValueError, match="no negative probability"):
        classes.evaluate(params, Batch(X, -np.ones((4, 2, 3))))
    with pytest.raises(ValueError, match="one weight a step"):
        classes.evaluate(params, Batch(X, np.ones((4, 2, 3)), np.ones((4, 2, 3))))
