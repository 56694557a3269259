"""Going on from a file: the same numbers bit for bit; files that do not fit are refused."""

import os

import numpy as np
import pytest

from rnncore import BPTT, GRU, LSTM, Linear, Masked, Network, Params, SquaredError, Vanilla, tasks
from rnncore.optimizers import SGD, Adam, Momentum
from rnncore.training import CheckpointError, train
from rnncore.training.checkpoint import describe


def network(cell=None):
    cell = cell or Vanilla(2, 3)
    return Network(cell, Linear(3, 1), SquaredError())


def start(dtype=np.float64, cell=None):
    return network(cell).init_params(np.random.default_rng(5), dtype)


def by_function(step, rng):
    return tasks.delayed_xor(rng, 8, 2, delay=1)


def stream(rng):
    while True:
        yield tasks.delayed_xor(rng, 8, 2, delay=1)


def listed(rng):
    fixed = np.random.default_rng(8)
    return [tasks.delayed_xor(fixed, 8, 2, delay=1) for _ in range(7)]


BATCHES = {
    "function": lambda rng: by_function,
    "stream": stream,
    "list": listed,
}


def go(steps, kind="function", optimizer=None, seed=1, bits=np.random.PCG64, dtype=None, **options):
    rng = np.random.Generator(bits(seed))
    net = network()
    return train(
        BPTT(net),
        start(dtype or np.float64),
        BATCHES[kind](rng),
        optimizer or Adam(0.01),
        steps=steps,
        rng=rng,
        clip=0.5,
        evaluate=lambda p: {"norm": p.norm()},
        every=10,
        **options,
    )


def assert_same(one, other):
    """Equal in every bit."""
    assert one.stopped == other.stopped
    for name in one.params:
        assert one.params[name].dtype == other.params[name].dtype
        assert one.params[name].tobytes() == other.params[name].tobytes()
    for part in ("steps", "loss", "gradient_norm", "evaluated"):
        assert getattr(one.history, part).tobytes() == getattr(other.history, part).tobytes()
    assert set(one.history.evaluations) == set(other.history.evaluations)
    for name, values in one.history.evaluations.items():
        assert values.tobytes() == other.history.evaluations[name].tobytes()


@pytest.mark.parametrize("kind", BATCHES)
@pytest.mark.parametrize(
    "optimizer", [SGD(0.1), Momentum(0.1), Momentum(0.1, nesterov=True), Adam(0.01)], ids=str
)
@pytest.mark.parametrize("halt", [20, 23])
def test_a_run_in_two_parts_is_the_run_in_one(kind, optimizer, halt, tmp_path):
    whole = go(45, kind, optimizer)
    path = tmp_path / "run.npz"
    go(halt, kind, optimizer, checkpoint=path)
    # another seed: the state of the generator comes from the file
    assert_same(whole, go(45, kind, optimizer, seed=99, resume=path))


@pytest.mark.parametrize("bits", ["PCG64", "MT19937", "Philox", "SFC64", "PCG64DXSM"])
def test_every_generator_is_restored(bits, tmp_path):
    bits = getattr(np.random, bits)
    path = tmp_path / "run.npz"
    go(7, bits=bits, checkpoint=path)
    assert_same(go(15, bits=bits), go(15, bits=bits, seed=2, resume=path))


def test_float32_stays_float32(tmp_path):
    path = tmp_path / "run.npz"
    go(7, dtype=np.float32, checkpoint=path)
    resumed = go(15, dtype=np.float32, resume=path)
    assert resumed.params.dtype == np.float32
    assert_same(go(15, dtype=np.float32), resumed)


def test_a_run_that_crashed_goes_on_from_its_last_checkpoint(tmp_path):
    path = tmp_path / "run.npz"

    def crash(step, params, loss):
        if step == 37:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        go(45, checkpoint=path, checkpoint_every=8, callback=crash)
    seen = []
    resumed = go(
        45, resume=path, checkpoint=path, checkpoint_every=8, callback=lambda k, *_: seen.append(k)
    )
    assert seen[0] == 33 and os.listdir(tmp_path) == ["run.npz"]
    assert_same(go(45), resumed)
    # and the file that the resumed run wrote is that of a finished run
    assert_same(go(45), go(45, resume=path))


def test_an_early_stop_is_remembered(tmp_path):
    path = tmp_path / "run.npz"
    whole = go(45, patience=5)
    assert whole.stopped.startswith("patience")
    go(len(whole.history.loss) - 2, checkpoint=path, patience=5)
    assert_same(whole, go(45, resume=path, patience=5))


def test_a_divergence_leaves_the_earlier_checkpoint(tmp_path):
    path = tmp_path / "run.npz"
    net = network(Vanilla(2, 3, "identity"))
    options = {"steps": 60, "on_divergence": "return"}
    batch = tasks.delayed_xor(np.random.default_rng(0), 30, 2)
    result = train(
        BPTT(net), start(), batch, SGD(5.0), checkpoint=path, checkpoint_every=1, **options
    )
    assert result.diverged
    again = train(BPTT(net), start(), batch, SGD(5.0), resume=path, **options)
    assert_same(result, again)


# -- refusals ---------------------------------------------------------------------


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "run.npz"
    go(5, checkpoint=path)
    return path


def test_every_truncation_is_refused(saved, tmp_path):
    whole = saved.read_bytes()
    cut = tmp_path / "cut.npz"
    for size in [0, 1, 100, len(whole) // 2, len(whole) - 30, len(whole) - 1]:
        cut.write_bytes(whole[:size])
        with pytest.raises(CheckpointError, match="cut.npz: is no complete .npz file"):
            go(9, resume=cut)


def test_a_flipped_byte_is_refused(saved, tmp_path):
    damaged = bytearray(saved.read_bytes())
    place = bytes(damaged).index(b"params/cell.U") + 200
    damaged[place] ^= 0xFF
    saved.write_bytes(damaged)
    with pytest.raises(CheckpointError, match="damaged or cut off"):
        go(9, resume=saved)


def test_files_of_other_kinds_are_refused(tmp_path):
    path = tmp_path / "other.npz"
    start().save(path)
    with pytest.raises(CheckpointError, match="is no training checkpoint; it holds .*cell.U"):
        go(9, resume=path)
    path.write_text("not a zip file")
    with pytest.raises(CheckpointError, match="is no complete .npz file"):
        go(9, resume=path)
    with open(path, "wb") as file:
        np.save(file, np.zeros(3))
    with pytest.raises(CheckpointError, match="is no complete .npz file"):
        go(9, resume=path)
    with pytest.raises(FileNotFoundError):
        go(9, resume=tmp_path / "missing.npz")


def test_pickles_are_not_opened(tmp_path):
    path = tmp_path / "pickle.npz"
    np.savez(path, header=np.array([{"a": 1}], dtype=object))
    with pytest.raises(CheckpointError, match="pickle"):
        go(9, resume=path)


@pytest.mark.parametrize(
    "cell, message",
    [
        (GRU(2, 3), "another network.*Vanilla.*expected Network.*GRU"),
        (Vanilla(2, 3, "logistic"), "activation=tanh.*activation=logistic"),
        (Masked(Vanilla(2, 3), {"U": np.eye(3)}), "another network.*Masked"),
    ],
)
def test_a_checkpoint_of_another_network_is_refused(cell, message, saved):
    with pytest.raises(CheckpointError, match=message):
        train(
            BPTT(network(cell)),
            start(cell=cell),
            by_function,
            Adam(),
            steps=9,
            rng=np.random.default_rng(1),
            resume=saved,
        )


def test_other_sizes_and_dtypes_are_refused(saved):
    net = Network(Vanilla(2, 5), Linear(5, 1), SquaredError())
    rng = np.random.default_rng(1)
    with pytest.raises(CheckpointError, match=r"cell.U \(3, 3\) float64.*cell.U \(5, 5\) float64"):
        train(BPTT(net), net.init_params(rng), by_function, Adam(), steps=9, rng=rng, resume=saved)
    with pytest.raises(CheckpointError, match=r"float64.*float32"):
        go(9, dtype=np.float32, resume=saved)


def test_another_optimizer_generator_or_length_is_refused(saved):
    with pytest.raises(CheckpointError, match="another optimizer: it has Adam, expected SGD"):
        go(9, optimizer=SGD(0.1), resume=saved)
    with pytest.raises(CheckpointError, match="rng: expected a generator PCG64, got MT19937"):
        go(9, bits=np.random.MT19937, resume=saved)
    with pytest.raises(ValueError, match="steps: expected at least 5"):
        go(4, resume=saved)


def test_a_run_without_a_generator(tmp_path):
    path, net, batch = tmp_path / "run.npz", network(), by_function(0, np.random.default_rng(0))
    train(BPTT(net), start(), batch, Adam(), steps=3, checkpoint=path)
    resumed = train(BPTT(net), start(), batch, Adam(), steps=6, resume=path)
    assert_same(train(BPTT(net), start(), batch, Adam(), steps=6), resumed)
    with pytest.raises(CheckpointError, match="expected a generator none, got PCG64"):
        go(9, resume=path)


def test_another_format_is_refused(saved):
    with np.load(saved) as file:
        arrays = dict(file)
    arrays["header"] = np.array(str(arrays["header"]).replace('"format": 1', '"format": 7'))
    np.savez(saved, **arrays)
    with pytest.raises(CheckpointError, match="expected format 1, got 7"):
        go(9, resume=saved)


def test_a_learner_without_a_network_can_be_saved_too(tmp_path):
    class Bowl:
        def gradient(self, params, batch):
            return 0.5 * params.norm() ** 2, params

    path, params = tmp_path / "run.npz", Params({"w": [1.0, -2.0]})
    batch = by_function(0, np.random.default_rng(0))
    train(Bowl(), params, batch, Momentum(0.1), steps=4, checkpoint=path)
    resumed = train(Bowl(), params, batch, Momentum(0.1), steps=9, resume=path)
    assert_same(train(Bowl(), params, batch, Momentum(0.1), steps=9), resumed)


def test_a_network_in_words_tells_kinds_and_options_apart():
    cells = [
        Vanilla(2, 3),
        Vanilla(2, 3, "relu"),
        Vanilla(2, 3, bias=False),
        LSTM(2, 3),
        LSTM(2, 3, forget_gate=False),
        LSTM(2, 3, coupled=True),
        LSTM(2, 3, peepholes=True),
        Masked(Vanilla(2, 3), {"U": np.eye(3)}),
        Masked(Vanilla(2, 3), {"U": np.tri(3)}),
    ]
    words = [describe(cell) for cell in cells]
    assert len(set(words)) == len(cells)
    assert words == [describe(cell) for cell in cells]
    assert not any(" at 0x" in word for word in words)
    learned = Network(Vanilla(2, 3), Linear(3, 1), SquaredError(), learn_initial_state=True)
    assert describe(learned) != describe(network())
