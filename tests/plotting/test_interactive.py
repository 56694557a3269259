"""The interactive figure: its HTML works alone, its widget redraws, both worlds show one thing."""

import io
import json
import re
import sys

import numpy as np
import pytest
from bs4 import BeautifulSoup
from matplotlib.figure import Figure
from PIL import Image

from rnncore.plotting import animate, draw_unrolled, figure, interactive
from rnncore.plotting.frames import encode_png, hold_still, render
from rnncore.plotting.interaction import value_text

PICTURE = re.compile(r"data:image/png;base64,[A-Za-z0-9+/=]+")


def draw(t, gain=1.0, kind="sin"):
    fig, ax = figure(height=2.0)
    x = np.linspace(0, 6, 40)
    ax.plot(x, gain * getattr(np, kind)(x + t))
    return fig


def make(**options):
    options = {"name": "waves", "alt": "A wave", **options}
    values = options.pop("values", {"t": range(3), "gain": [0.5, 10.0]})
    return interactive(draw, values, **options)


@pytest.fixture(scope="module")
def waves():
    return make(
        caption="A wave < tide.", labels={"t": "phase"}, start={"t": 1, "gain": 10.0}, seconds=0.5
    )


@pytest.fixture(scope="module")
def soup(waves):
    return BeautifulSoup(waves.html, "html.parser")


def stored(soup):
    return json.loads(soup.find("script", type="application/json").string)


def test_every_control_is_native_and_labeled(soup):
    controls = soup.find_all(["input", "select"])
    assert [c["type"] for c in controls] == ["range", "range"]
    for control in controls:
        assert soup.find("label", attrs={"for": control["id"]}).get_text(strip=True)
        output = soup.find("output", attrs={"for": control["id"]})
        assert output.get_text() == control["aria-valuetext"]
        assert (control["min"], control["step"]) == ("0", "1")
        assert not control.has_attr("tabindex") and not control.has_attr("disabled")
    assert [c["max"] for c in controls] == ["2", "1"]
    assert [c["value"] for c in controls] == ["1", "1"]
    assert soup.find("label").get_text() == "phase"
    assert soup.find("button")["type"] == "button" and "Play" in soup.find("button").get_text()


def test_ids_are_unique_and_derive_from_the_name(soup):
    ids = [tag["id"] for tag in soup.find_all(id=True)]
    assert len(ids) == len(set(ids)) and all(i.startswith("rnn-waves") for i in ids)
    other = BeautifulSoup(make(name="other").html, "html.parser")
    assert not set(ids) & {tag["id"] for tag in other.find_all(id=True)}


def test_frames_are_all_there_in_the_order_of_the_grid(waves, soup):
    data = stored(soup)
    assert len(data["frames"]) == len(data["alts"]) == len(waves) == 6
    assert data["start"] == 3 and data["frames"][3] == "" and data["interval"] == 500
    assert data["texts"] == [["0", "1", "2"], ["0.5", "10"]]
    assert all(PICTURE.fullmatch(f) for i, f in enumerate(data["frames"]) if i != 3)
    assert len({*data["frames"]}) == 6
    assert waves.frame() == waves.frame(t=1, gain=10.0) != waves.frame(t=2)
    assert data["alts"][2] == "A wave (phase = 1, gain = 0.5)"


def test_without_scripts_the_start_is_a_plain_picture(waves, soup):
    image = soup.find("img")
    assert PICTURE.fullmatch(image["src"])
    assert image["alt"] == "A wave (phase = 1, gain = 10)"
    assert (image["width"], image["height"]) == ("768", "240")
    assert soup.find(class_="rnn-interactive-controls").has_attr("hidden")
    assert soup.find("noscript").get_text(strip=True)
    assert soup.find("figcaption").get_text() == "A wave < tide."


def test_page_asks_nothing_of_another_host(waves):
    rest = PICTURE.sub("", waves.html)
    assert not re.search(r"https?:|//[a-z]|@import|url\(|fetch\(|<link|\ssrc=\"(?!\")", rest)


def test_descriptions_are_announced_and_motion_respected(soup):
    assert soup.find(attrs={"aria-live": "polite"}) is not None
    assert "prefers-reduced-motion" in soup.find_all("script")[-1].string


def test_html_is_the_same_each_time(waves):
    again = make(
        caption="A wave < tide.", labels={"t": "phase"}, start={"t": 1, "gain": 10.0}, seconds=0.5
    )
    assert PICTURE.sub("", again.html) == PICTURE.sub("", waves.html)
    assert again.html == waves.html  # on one machine even the pixels


def test_frames_are_small_and_of_one_size(waves):
    frames = [waves.frame(t=t, gain=g) for t in range(3) for g in (0.5, 10.0)]
    images = [Image.open(io.BytesIO(frame)) for frame in frames]
    assert {image.size for image in images} == {(768, 240)}
    assert {image.mode for image in images} == {"P"}
    assert max(map(len, frames)) < 25_000 and len(waves.html) < 1_000_000


def test_axes_stand_still_between_frames(waves):
    """The tick labels of the two gains differ in width; the axes must not move."""
    for_gain = [
        np.array(Image.open(io.BytesIO(waves.frame(gain=g))).convert("L")) for g in (0.5, 10)
    ]
    spine = [int(np.argmax((page < 200).sum(axis=0))) for page in for_gain]
    assert spine[0] == spine[1]


def test_choices_become_a_select():
    made = make(values={"t": [0, 1], "kind": ["sin", "cos"]})
    soup = BeautifulSoup(made.html, "html.parser")
    select = soup.find("select")
    assert [o.get_text() for o in select.find_all("option")] == ["sin", "cos"]
    assert soup.find("label", attrs={"for": select["id"]})
    first = make(values={"kind": ["sin", "cos"], "t": [0, 1]})
    assert BeautifulSoup(first.html, "html.parser").find("button") is None


def test_text_cannot_leave_the_page():
    made = make(alt='A </script> & "quote"', caption="<b>", labels={"t": "<i>"})
    soup = BeautifulSoup(made.html, "html.parser")
    assert soup.find("img")["alt"].startswith('A </script> & "quote"')
    assert stored(soup)["alts"][0].startswith("A </script>")
    assert soup.find("b") is None and soup.find("i") is None
    assert len(soup.find_all("script")) == 2


def test_alt_may_be_a_function():
    made = make(values={"t": range(2)}, alt=lambda t: f"Phase\n  {t}")
    assert stored(BeautifulSoup(made.html, "html.parser"))["alts"] == ["Phase 0", "Phase 1"]
    with pytest.raises(ValueError, match="alt must return a text"):
        make(values={"t": range(2)}, alt=lambda t: "")


def test_animate_has_one_parameter():
    made = animate(lambda frame: draw(frame), 3, name="film", alt="A wave")
    assert made.values == {"frame": [0, 1, 2]}
    assert repr(made) == "<interactive figure 'film', 3 frames, frame: 0 to 2>"


def test_pyplot_figures_are_closed():
    from matplotlib import pyplot as plt

    def old(t):
        fig, ax = plt.subplots(figsize=(4, 2))
        ax.plot([0, t])
        return ax

    interactive(old, {"t": range(3)}, name="old", alt="A line")
    assert not plt.get_fignums()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "Two Words"}, "name must be"),
        ({"name": None}, "name must be"),
        ({"alt": " "}, "alt must be"),
        ({"values": {}}, "one to three"),
        ({"values": {"t": [1]}}, "at least two"),
        ({"values": {"t": [1, 1]}}, "at least two"),
        ({"values": {"t": [1, "a"]}}, "of one kind"),
        ({"values": {"t": [1, None]}}, "finite numbers"),
        ({"values": {"t": [0.0, np.nan]}}, "finite numbers"),
        ({"values": {"t t": [0, 1]}}, "identifiers"),
        ({"values": {"t": range(20), "gain": range(20)}}, "400 frames"),
        ({"start": {"t": 7}}, "must be one of"),
        ({"start": {"u": 0}}, "unknown parameter"),
        ({"labels": {"u": "x"}}, "unknown parameters"),
        ({"seconds": 0}, "seconds must be"),
        ({"max_bytes": 100}, "more than max_bytes"),
    ],
)
def test_bad_arguments_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        make(**options)


def test_bad_types_are_named():
    with pytest.raises(TypeError, match="draw must be callable"):
        interactive(None, {"t": [0, 1]}, name="x", alt="x")
    with pytest.raises(TypeError, match="must be a list of values"):
        make(values={"t": "ab"})
    with pytest.raises(TypeError, match="draw must return a matplotlib Figure"):
        interactive(lambda t: t, {"t": [0, 1]}, name="x", alt="x")
    with pytest.raises(ValueError, match="figures of one size"):
        interactive(lambda t: figure(height=t)[0], {"t": [1, 2]}, name="x", alt="x")


def test_frame_checks_its_values(waves):
    with pytest.raises(ValueError, match="unknown parameter 'u'"):
        waves.frame(u=1)
    with pytest.raises(ValueError, match="t must be a value of the grid"):
        waves.frame(t=9)


def test_errors_of_draw_are_raised_at_once():
    def broken(t):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        interactive(broken, {"t": [0, 1]}, name="x", alt="x")


def test_colors_are_reduced_until_the_budget_holds():
    free = make(values={"t": range(3)})
    size = sum(len(free.frame(t=t)) for t in range(3))
    tight = make(values={"t": range(3)}, max_bytes=int(size * 4 / 3) - 200)
    image = Image.open(io.BytesIO(tight.frame()))
    assert len(image.getcolors()) <= 64


def test_value_text():
    texts = [value_text(v) for v in (3, -0.5, 1e-5, True, "tanh")]
    assert texts == ["3", "\N{MINUS SIGN}0.5", "1e\N{MINUS SIGN}05", "yes", "tanh"]


class TestBundle:
    def test_without_a_kernel_there_is_no_widget(self, waves):
        bundle = waves._repr_mimebundle_()
        assert set(bundle) == {"text/plain", "text/html", "image/png"}

    def test_with_a_kernel_there_is(self, monkeypatch):
        pytest.importorskip("ipywidgets")
        monkeypatch.setattr("IPython.get_ipython", lambda: type("Shell", (), {"kernel": 1})())
        bundle = make()._repr_mimebundle_()
        assert "model_id" in bundle["application/vnd.jupyter.widget-view+json"]

    def test_without_ipywidgets_it_still_shows(self, monkeypatch):
        monkeypatch.setattr("IPython.get_ipython", lambda: type("Shell", (), {"kernel": 1})())
        monkeypatch.setitem(sys.modules, "ipywidgets", None)
        assert "text/html" in make()._repr_mimebundle_()


class TestWidget:
    def parts(self, made):
        w = pytest.importorskip("ipywidgets")
        box = made.widget()
        assert made.widget() is box
        image = next(c for c in box.children if isinstance(c, w.Image))
        sliders = [c for c in box.children if hasattr(c, "description") and hasattr(c, "value")]
        sliders = [c for c in sliders if not isinstance(c, w.Play | w.HTML)]
        said = [c for c in box.children if isinstance(c, w.HTML)][-1]
        return image, sliders, said, box

    def test_no_output_widget(self, waves):
        w = pytest.importorskip("ipywidgets")
        *_, box = self.parts(waves)
        assert not any(isinstance(child, w.Output) for child in box.children)

    def test_it_redraws_at_any_value(self):
        image, (t, gain), said, _ = self.parts(make())
        before = image.value
        gain.value = 3.3
        assert image.value != before and "gain = 3.3" in said.value
        assert type(t).__name__ == "IntSlider" and (t.min, t.max) == (0, 2)

    def test_errors_are_shown_to_the_reader(self):
        def draw_some(t):
            if t == 1:
                raise ValueError("one is <too> few")
            return draw(t)

        made = interactive(draw_some, {"t": [0, 2, 5]}, name="some", alt="A wave", caption="c")
        image, (t,), said, _ = self.parts(made)
        before = image.value
        t.value = 1
        assert image.value == before and "one is &lt;too&gt; few" in said.value

    @pytest.mark.parametrize(
        ("values", "only_grid", "kind"),
        [
            ([0, 5], False, "IntSlider"),
            ([0.5, 1.0], False, "FloatSlider"),
            ([0.01, 0.1, 1.0], False, "FloatLogSlider"),
            ([0.5, 1.0], True, "SelectionSlider"),
            ([0, 1, 5], True, "SelectionSlider"),
        ],
    )
    def test_kind_of_slider(self, values, only_grid, kind):
        _, (slider,), _, _ = self.parts(make(values={"t": values}, only_grid=only_grid))
        assert type(slider).__name__ == kind and slider.value == values[0]

    def test_choices_are_a_dropdown(self):
        _, sliders, _, _ = self.parts(make(values={"t": [0, 1], "kind": ["sin", "cos"]}))
        assert type(sliders[1]).__name__ == "Dropdown"


class TestFrames:
    def test_few_colors_are_kept_exactly(self):
        pixels = np.zeros((20, 20, 3), np.uint8)
        pixels[:10] = (12, 200, 7)
        decoded = Image.open(io.BytesIO(encode_png(Image.fromarray(pixels)))).convert("RGB")
        assert (np.asarray(decoded) == pixels).all()

    def test_white_stays_white_and_thin_lines_keep_their_color(self):
        fig = draw_unrolled(3)
        page = render(fig, 100)
        small = Image.open(io.BytesIO(encode_png(page, 32))).convert("RGB")
        assert small.getpixel((2, 2)) == (255, 255, 255)
        difference = np.abs(np.asarray(small, int) - np.asarray(page, int))
        assert difference.mean() < 2 and len(small.getcolors()) <= 32

    def test_number_of_colors_is_checked(self):
        with pytest.raises(ValueError, match="colors must be between"):
            encode_png(Image.new("RGB", (2, 2)), 300)

    def test_render_leaves_the_figure_as_it_was(self):
        fig = draw(0)
        dpi, canvas = fig.dpi, fig.canvas
        assert render(fig, 50).size == (320, 100)
        assert fig.dpi == dpi and fig.canvas is canvas

    def test_figures_that_differ_in_axes_are_left_alone(self):
        one, two = figure()[0], figure(1, 2)[0]
        assert hold_still([one, two]) is None
        assert hold_still([Figure()]) is None
