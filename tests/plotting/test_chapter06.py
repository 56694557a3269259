"""The figures of chapter 6 show what they are given, and refuse what does not fit."""

import numpy as np
import pytest

from rnncore.plotting.chapter06 import block_sweep, blocks_of_triangle

SHAPES = {"W": (2, 1), "U": (2, 2)}


def moment(rng, **changes):
    adjoints = np.full((5, 3, 2), np.nan)
    adjoints[3:] = rng.normal(size=(2, 3, 2))
    given = {"adjoints": adjoints, "influence": rng.normal(size=(2, 6))}
    given |= {"gradient": rng.normal(size=6), "shapes": SHAPES}
    given |= {"kept": [3, 4], "now": 3, "block": 2, "doing": "sweep back", "limit": 10.0}
    return given | changes


def test_a_moment_shows_adjoints_influence_and_gradient(rng):
    given = moment(rng)
    line, above, q, gradient = block_sweep(**given).axes
    shown = above.images[0].get_array()
    loss_first = given["adjoints"][4][[2, 0, 1]].ravel()
    np.testing.assert_array_equal(shown.data[:, 4], loss_first)
    assert shown.mask[:, :3].all() and not shown.mask[:, 3:].any()
    np.testing.assert_array_equal(q.images[0].get_array().data, given["influence"])
    np.testing.assert_array_equal(gradient.images[0].get_array().data[0], given["gradient"])
    assert [text.get_text() for text in line.texts] == ["sweep back"]


def test_the_time_line_tells_kept_steps_from_forgotten_and_coming_ones(rng):
    faces = [
        patch.get_facecolor() for patch in block_sweep(**moment(rng, kept=[2, 3])).axes[0].patches
    ]
    assert len(faces) == 4 and faces[1] == faces[2]
    assert len({faces[0], faces[1], faces[3]}) == 3


def test_colors_end_at_the_limit(rng):
    fig = block_sweep(**moment(rng, influence=np.full((2, 6), 50.0), limit=1.0))
    assert (fig.axes[2].images[0].get_array() == 1.0).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [({"adjoints": np.zeros((5, 2, 2))}, "adjoints"), ({"now": 5}, "now must lie between 0 and 4")],
)
def test_a_moment_refuses_what_does_not_fit(rng, change, message):
    with pytest.raises(ValueError, match=message):
        block_sweep(**moment(rng, **change))


@pytest.mark.parametrize(("block", "own"), [(1, 5), (2, 7), (3, 9), (5, 15), (9, 15)])
def test_every_contribution_lies_in_one_of_two_parts(block, own):
    texts = [text.get_text() for text in blocks_of_triangle(5, block).axes[0].texts]
    assert texts == [f"in the block: {own}", f"through q: {15 - own}"]


def test_the_triangle_refuses_blocks_of_nothing():
    with pytest.raises(ValueError, match="positive"):
        blocks_of_triangle(5, 0)
