"""The house style: fixed colors that stay apart, readable sizes, labels that do not overlap."""

import itertools
import subprocess
import sys

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from rnncore.plotting import (
    CELL_COLORS,
    INK,
    LEARNER_COLORS,
    LEARNER_KINDS,
    MUTED,
    PALETTE,
    SEQUENTIAL,
    SIGNED,
    TINTS,
    color_of,
    figure,
    house_style,
    label_lines,
    line_style,
    use_house_style,
)
from rnncore.plotting.colors import _canonical, contrast, text_color
from rnncore.plotting.rc import HOUSE
from rnncore.plotting.style import spread

# Machado, Oliveira & Fernandes (2009), severity 1, in linear RGB.
BLINDNESS = {
    "none": np.eye(3),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
}


def oklab(color, kind="none"):
    """Place of a color in Oklab (Ottosson 2020), as seen with a kind of color blindness."""
    rgb = np.array(to_rgb(color))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    linear = np.clip(BLINDNESS[kind] @ linear, 0, 1)
    cones = np.cbrt(
        np.array(
            [
                [0.4122214708, 0.5363325363, 0.0514459929],
                [0.2119034982, 0.6806995451, 0.1073969566],
                [0.0883024619, 0.2817188376, 0.6299787005],
            ]
        )
        @ linear
    )
    return (
        np.array(
            [
                [0.2104542553, 0.7936177850, -0.0040720468],
                [1.9779984951, -2.4285922050, 0.4505937099],
                [0.0259040371, 0.7827717662, -0.8086757660],
            ]
        )
        @ cones
    )


def apart(one, two, kind="none"):
    return float(np.linalg.norm(oklab(one, kind) - oklab(two, kind)))


def test_colors_are_fixed():
    assert color_of("BPTT") == "#0072b2"
    assert color_of("RTRL") == "#d55e00"
    assert color_of("hybrid") == "#2a9683"
    assert color_of("LSTM") == "#0072b2"
    assert color_of("GRU") == "#2a9683"
    assert color_of("vanilla") == "#d55e00"


def test_every_learner_has_a_class_and_a_color_of_its_own():
    assert list(LEARNER_COLORS) == list(LEARNER_KINDS)
    assert len(set(LEARNER_COLORS.values())) == len(LEARNER_COLORS)
    assert len(set(CELL_COLORS.values())) == len(CELL_COLORS)


@pytest.mark.parametrize("table", [LEARNER_COLORS, CELL_COLORS, PALETTE], ids=["l", "c", "p"])
def test_lines_stand_out_from_white(table):
    assert min(contrast(color) for color in table.values()) >= 3


def test_text_stands_out():
    for color in [*LEARNER_COLORS.values(), *CELL_COLORS.values(), *PALETTE.values()]:
        assert contrast(text_color(color)) >= 4.5
    assert contrast(MUTED) >= 4.5
    assert all(contrast(INK, tint) >= 12 for tint in TINTS.values())


@pytest.mark.parametrize("kind", ["exact", "unbiased", "biased"])
@pytest.mark.parametrize("blindness", BLINDNESS)
def test_learners_of_one_line_style_differ_for_the_color_blind(kind, blindness):
    colors = [LEARNER_COLORS[name] for name, k in LEARNER_KINDS.items() if k == kind]
    assert min(apart(a, b, blindness) for a, b in itertools.combinations(colors, 2)) > 0.09


@pytest.mark.parametrize("blindness", BLINDNESS)
def test_cells_compared_in_the_book_differ_for_the_color_blind(blindness):
    names = ["vanilla", "LSTM", "GRU", "memory cell", "second-order", "fully recurrent"]
    pairs = itertools.combinations([CELL_COLORS[name] for name in names], 2)
    assert min(apart(a, b, blindness) for a, b in pairs) > 0.09


def test_every_learner_of_the_package_has_its_color():
    from rnncore.learners import every_learner

    for learner in every_learner():
        name = _canonical(learner.name)
        assert LEARNER_KINDS[name] == learner.kind, learner.name


def test_all_learners_differ():
    pairs = itertools.combinations(LEARNER_COLORS.values(), 2)
    assert min(apart(a, b) for a, b in pairs) > 0.04


def test_names_may_carry_settings_and_any_case():
    assert color_of("hybrid, h = 4") == color_of("Hybrid")
    assert color_of("truncated BPTT (k = 5)") == color_of("TBPTT")
    assert color_of("lstm peepholes") == CELL_COLORS["LSTM peepholes"]
    assert color_of("GRUResetBefore") == CELL_COLORS["GRU reset-before"]


@pytest.mark.parametrize("name", ["", "BPTTX", "transformer"])
def test_unknown_names_are_refused(name):
    with pytest.raises(ValueError, match="learner or a cell"):
        color_of(name)
    with pytest.raises(TypeError, match="name must be a string"):
        color_of(3)


def test_line_style_tells_the_class():
    assert line_style("RTRL")["linestyle"] == "-"
    assert line_style("UORO")["linestyle"] != line_style("SnAp-1")["linestyle"] != "-"
    assert line_style("GRU") == {"color": CELL_COLORS["GRU"], "linestyle": "-"}


def test_color_maps():
    assert to_rgb(SIGNED(0.5)) == pytest.approx((1, 1, 1), abs=0.02)
    assert SIGNED(0.05)[2] > SIGNED(0.05)[0] and SIGNED(0.95)[0] > SIGNED(0.95)[2]
    lightness = [oklab(SEQUENTIAL(v))[0] for v in np.linspace(0, 1, 33)]
    assert (np.diff(lightness) < 0).all()
    halves = [[oklab(SIGNED(0.5 + s * v))[0] for v in np.linspace(0, 0.5, 17)] for s in (-1, 1)]
    assert all((np.diff(half) < 0).all() for half in halves)


def test_fonts_are_readable_and_ship_with_matplotlib():
    sizes = [value for key, value in HOUSE.items() if key.endswith("size") and "fig" not in key]
    sizes = [value for value in sizes if value != HOUSE["lines.markersize"]]
    assert min(sizes) >= 9
    assert HOUSE["font.family"] == ["DejaVu Sans"]


def test_style_is_local_unless_asked_for():
    with mpl.rc_context():
        mpl.rcdefaults()
        before = mpl.rcParams["font.size"]
        figure()
        assert mpl.rcParams["font.size"] == before
        with house_style():
            assert mpl.rcParams["font.size"] == HOUSE["font.size"]
        use_house_style()
        assert mpl.rcParams["svg.hashsalt"] == "rnncore"
        assert mpl.rcParams["font.size"] == HOUSE["font.size"]


def test_figure_shows_itself_once_and_opaque():
    fig, ax = figure(height=2)
    ax.plot([0, 1], [0, 1])
    data, metadata = fig._repr_png_()
    assert data.startswith(b"\x89PNG") and metadata == {"width": 614}
    assert fig.to_png().startswith(b"\x89PNG")
    assert fig.get_facecolor() == (1, 1, 1, 1)
    assert repr(fig) == "<figure, 960 x 300 pixels>"
    pyplot = sys.modules.get("matplotlib.pyplot")
    assert pyplot is None or not pyplot.get_fignums()


def test_figure_refuses_nonsense():
    with pytest.raises(ValueError, match="rows and columns"):
        figure(0, 1)
    with pytest.raises(ValueError, match="height and width"):
        figure(height=-1)


def test_label_lines_moves_labels_apart():
    fig, ax = figure()
    for k in range(9):
        ax.plot([0, 1], [0, 0.01 * k], label=f"line {k}")
    ax.plot([0, 1], [0, 1], label="_hidden")
    label_lines(ax)
    fig.draw_without_rendering()
    boxes = [text.get_window_extent() for text in ax.texts]
    assert len(boxes) == 9
    boxes.sort(key=lambda box: box.y0)
    assert all(a.y1 <= b.y0 + 1 for a, b in itertools.pairwise(boxes))
    page = fig.bbox
    assert all(box.x1 <= page.x1 and box.y1 <= page.y1 and box.y0 >= 0 for box in boxes)
    order = [text.get_text() for text in sorted(ax.texts, key=lambda t: t.get_window_extent().y0)]
    assert order == [f"line {k}" for k in range(9)]


def test_label_lines_skips_what_has_no_end():
    fig, ax = figure()
    ax.plot([0, 1], [np.nan, np.nan], label="nothing")
    assert label_lines(ax) is ax and not ax.texts
    with pytest.raises(ValueError, match="at least 9"):
        label_lines(ax, fontsize=6)
    with pytest.raises(TypeError, match="ax must be"):
        label_lines(fig)


def test_spread_keeps_order_and_bounds():
    wanted = np.array([0.9, 0.91, 0.2, 0.92])
    placed = spread(wanted, 0.1, 0.05, 0.95)
    assert (np.diff(np.sort(placed)) >= 0.1 - 1e-12).all()
    assert (np.argsort(placed) == np.argsort(wanted)).all()
    assert placed.max() <= 0.95 + 1e-12 and placed[2] == 0.2


def test_import_stays_cheap():
    code = (
        "import sys, rnncore, rnncore.plotting as p; dir(p);"
        "assert 'matplotlib' not in sys.modules, 'matplotlib';"
        "p.figure; assert 'matplotlib.pyplot' not in sys.modules, 'pyplot'"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_package_names():
    import rnncore.plotting as plotting

    for name in plotting.__all__:
        assert getattr(plotting, name) is not None
    assert dir(plotting) == sorted(plotting.__all__)
    with pytest.raises(AttributeError, match="no attribute 'pie'"):
        plotting.pie  # noqa: B018


def test_figure_prefers_its_own_png_in_a_notebook(monkeypatch):
    from IPython.core.interactiveshell import InteractiveShell

    from rnncore.plotting import style

    shell = InteractiveShell()
    monkeypatch.setattr("IPython.get_ipython", lambda: shell)
    formatter = shell.display_formatter.formatters["image/png"]
    formatter.for_type(Figure, lambda fig: b"cropped")
    style._prefer_our_png()
    fig, _ = figure(height=2)
    data, metadata = shell.display_formatter.format(fig)
    assert metadata["image/png"] == {"width": 614} and len(data["image/png"]) > 100


def test_no_submodule_hides_a_function():
    import pkgutil

    import rnncore.plotting as plotting

    modules = {module.name for module in pkgutil.iter_modules(plotting.__path__)}
    assert not modules & set(plotting.__all__)
