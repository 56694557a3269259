"""The static HTML of an interactive figure: native controls, inline script, no network."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

STYLE = """
.rnn-interactive{margin:.25rem auto .75rem;padding:0;max-width:48rem}
.rnn-interactive>img{display:block;width:100%;max-width:100%;height:auto;background:#fff}
.rnn-interactive-controls{display:grid;grid-template-columns:auto minmax(6rem,1fr) auto;\
gap:.35rem .75rem;align-items:center;padding:.5rem .25rem}
.rnn-interactive-controls[hidden]{display:none}
.rnn-interactive-controls input{width:100%;min-height:1.75rem;margin:0;accent-color:#0072b2}
.rnn-interactive-controls select,.rnn-interactive-controls button{font:inherit;color:inherit;\
background:transparent;border:1px solid currentColor;border-radius:.3rem;padding:.25rem .7rem;\
min-height:2rem;justify-self:start}
.rnn-interactive-controls select{grid-column:span 2}
.rnn-interactive-controls button{cursor:pointer;grid-column:1/-1}
.rnn-interactive-controls output{font-variant-numeric:tabular-nums;min-width:4ch;text-align:right}
.rnn-interactive-controls :focus-visible{outline:3px solid #d55e00;outline-offset:2px}
.rnn-interactive-status{position:absolute;width:1px;height:1px;overflow:hidden;\
clip-path:inset(50%);white-space:nowrap;margin:0}
.rnn-interactive figcaption{padding:.25rem;font-weight:400}
""".strip()

SCRIPT = """
(function(){
document.querySelectorAll('figure.rnn-interactive:not([data-ready])').forEach(function(root){
var store=root.querySelector('script[type="application/json"]');if(!store)return;
root.setAttribute('data-ready','');
var data=JSON.parse(store.textContent),image=root.querySelector('img'),
box=root.querySelector('.rnn-interactive-controls'),
status=root.querySelector('.rnn-interactive-status'),
inputs=box.querySelectorAll('input,select'),
button=box.querySelector('button'),timer=null;
data.frames[data.start]=image.getAttribute('src');
function show(){
var index=0;
inputs.forEach(function(input,k){
var at=+input.value,text=data.texts[k][at];
index=index*data.texts[k].length+at;
if(input.type!=='range')return;
input.setAttribute('aria-valuetext',text);
box.querySelector('output[for="'+input.id+'"]').textContent=text;
});
image.src=data.frames[index];image.alt=data.alts[index];
if(timer===null)status.textContent=data.alts[index];
}
function stop(){
if(timer!==null){clearInterval(timer);timer=null;}
if(button){button.textContent=calm.matches?'Next step':'\\u25b6 Play';}
}
function next(){
var first=inputs[0];
first.value=(+first.value+1)%data.texts[0].length;show();
if(timer!==null&&+first.value===data.texts[0].length-1){stop();show();}
}
var calm=window.matchMedia('(prefers-reduced-motion: reduce)');
inputs.forEach(function(input){input.addEventListener('input',function(){stop();show();});});
if(button)button.addEventListener('click',function(){
if(calm.matches){next();return;}
if(timer!==null){stop();show();return;}
timer=setInterval(next,data.interval);button.textContent='\\u275a\\u275a Pause';next();
});
box.hidden=false;stop();
});
})();
""".strip()


@dataclass(frozen=True)
class Control:
    """One parameter as the reader sees it: its name, label, and the text of each value."""

    name: str
    label: str
    texts: list[str]
    start: int
    numeric: bool = True
    seconds: float | None = None


def _control_html(control: Control, base: str) -> list[str]:
    key = f"{base}-{control.name.replace('_', '-')}"
    shown = escape(control.texts[control.start])
    rows = [f'<label for="{key}">{escape(control.label)}</label>']
    if control.numeric:
        rows.append(
            f'<input type="range" id="{key}" min="0" max="{len(control.texts) - 1}" step="1" '
            f'value="{control.start}" aria-valuetext="{shown}" autocomplete="off">'
        )
        rows.append(f'<output id="{key}-value" for="{key}">{shown}</output>')
    else:
        options = "".join(
            f'<option value="{i}"{" selected" if i == control.start else ""}>{escape(t)}</option>'
            for i, t in enumerate(control.texts)
        )
        rows.append(f'<select id="{key}" autocomplete="off">{options}</select>')
    return rows


def page(
    name: str,
    controls: Sequence[Control],
    frames: Sequence[str],
    alts: Sequence[str],
    start: int,
    size: tuple[int, int],
    caption: str | None = None,
) -> str:
    """Return the HTML of an interactive figure.

    Parameters
    ----------
    name : str
        Identifier; all ids of the page derive from it, so equal calls give equal HTML.
    controls : sequence of Control
        In the order of the grid, the last one fastest.
    frames, alts : sequences of str
        ``data:`` address and text of each frame.
    start : int
        Index of the frame shown first, also where scripts do not run.
    size : (int, int)
        Width and height of a frame in pixels.
    caption : str, optional
    """
    base = f"rnn-{name}"
    data = {
        "start": start,
        "interval": round(1000 * next((c.seconds for c in controls if c.seconds), 0.8)),
        "texts": [control.texts for control in controls],
        "alts": list(alts),
        # The first picture is in the page already; its place here stays empty.
        "frames": ["" if i == start else frame for i, frame in enumerate(frames)],
    }
    # "</" would end the script element early; in JSON the slash may be escaped.
    block = json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("</", "<\\/")
    parts = [
        f'<figure class="rnn-interactive" id="{base}">',
        f"<style>{STYLE}</style>",
        f'<img id="{base}-image" src="{frames[start]}" alt="{escape(alts[start])}" '
        f'width="{size[0]}" height="{size[1]}">',
        '<div class="rnn-interactive-controls" hidden>',
    ]
    for control in controls:
        parts += _control_html(control, base)
    if controls[0].numeric:
        parts.append(f'<button type="button" aria-controls="{base}-image">\u25b6 Play</button>')
    parts += [
        "</div>",
        f'<p class="rnn-interactive-status" id="{base}-status" aria-live="polite"></p>',
        "<noscript><p>The control of this figure needs JavaScript; "
        "the picture shows one of its states.</p></noscript>",
    ]
    if caption:
        parts.append(f"<figcaption>{escape(caption)}</figcaption>")
    parts += [
        f'<script type="application/json" id="{base}-data">{block}</script>',
        f"<script>{SCRIPT}</script>",
        "</figure>",
    ]
    return "\n".join(parts)
