"""Documents as one HTML page that needs nothing else: no script, no request, its style allowed by hash. Decides nothing.

Text of the data is escaped, and what a browser would obey or hide is shown as a sign.
"""

import base64
import hashlib
from collections.abc import Iterator
from html import escape
from pathlib import Path

from zhinao import outfile
from zhinao.data.view.rows import Shown, Token, View
from zhinao.data.view.terminal import heading, totals
from zhinao.data.visible import visible
from zhinao.lang import counted, current, tr

_STYLE = """
:root{color-scheme:light dark;--paper:#fbfbfa;--ink:#1c1e21;--quiet:#6a6f76;--line:#dcdfe3;
--trained:#c9efd2;--trained2:#b4e5c1;--masked:#eff0f2;--masked2:#e5e7ea;--cut:#f9cfcf;--cut2:#f3bdbd;
--thought:#cdeaf6;--thought2:#b9dff0;--end:#b5179e}
@media(prefers-color-scheme:dark){:root{--paper:#16181b;--ink:#e8e8e6;--quiet:#9aa0a6;--line:#34383d;
--trained:#14532d;--trained2:#1b663a;--masked:#24272b;--masked2:#2c3035;--cut:#681f1f;--cut2:#7b2828;
--thought:#0f4a63;--thought2:#155a78;--end:#f28be0}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,"PingFang SC","Microsoft YaHei",sans-serif}
header{position:sticky;top:0;background:var(--paper);border-bottom:1px solid var(--line);padding:.7rem 1.2rem;z-index:1}
h1{font-size:1.05rem;margin:0 0 .2rem}header p{margin:.15rem 0;color:var(--quiet)}
main{max-width:72rem;margin:0 auto;padding:1rem 1.2rem 4rem}
.key span,.key label{display:inline-block;margin:.1rem .5rem .1rem 0;padding:0 .45rem;border-radius:4px;color:var(--ink)}
h2{font-size:.95rem;margin:1.8rem 0 .4rem;padding-top:.6rem;border-top:3px double var(--quiet)}
h3{font-size:.9rem;font-weight:600;margin:1.1rem 0 .3rem;color:var(--quiet);overflow-wrap:anywhere}
.packed h3{border-top:1px dashed var(--quiet);padding-top:.5rem}
.doc{font:14px/1.75 ui-monospace,"Cascadia Mono",Menlo,Consolas,"PingFang SC","Microsoft YaHei",monospace;
white-space:pre-wrap;overflow-wrap:anywhere;tab-size:4;unicode-bidi:isolate}
.t{border-radius:2px;padding:.1em 0}
.trained{background:var(--trained)}.trained.o{background:var(--trained2)}
.masked{background:var(--masked);color:var(--quiet)}.masked.o{background:var(--masked2)}
.cut{background:var(--cut);text-decoration:line-through}.cut.o{background:var(--cut2)}
.trained.thought{background:var(--thought)}.trained.thought.o{background:var(--thought2)}
.control{font-weight:700}
.end::after{content:"\\25A0";color:var(--end);font-weight:700;padding:0 .15em}
.nl::before{content:"\\21B5";opacity:.45}
.part{display:inline-block;min-width:.3em}.part::before{content:"\\A0";font-size:.3em}
#ids:checked~main .part::before{content:attr(data-part);font-size:.65em;opacity:.6;padding:0 .15em}
.fault{color:#c62828}
#ids:checked~main .t::after{content:attr(data-id);font-size:.6em;opacity:.7;padding:0 .2em;vertical-align:super}
#ids{position:absolute;opacity:0}.key label{border:1px solid var(--line);cursor:pointer}
#ids:checked~header label{background:var(--masked2)}#ids:focus-visible~header label{outline:2px solid var(--end)}
"""


def write(path: Path, view: View, tokenizer_name: str) -> None:
    """Write the page. Raises DiskError."""
    with outfile.atomic_text(path) as file:
        file.writelines(page(view, tokenizer_name))


def page(view: View, tokenizer_name: str) -> Iterator[str]:
    """The page in pieces."""
    title = tr("What is trained", "训练内容")
    digest = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    yield f'<!doctype html>\n<html lang="{current()}"><head><meta charset="utf-8">\n'
    yield f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">\n'
    yield f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>\n"
    yield f'<input type="checkbox" id="ids"><header><h1>{escape(title)} · {escape(visible(tokenizer_name))}</h1>'
    yield f"<p>{escape(totals(view))}</p>{_key()}</header>\n<main>\n"
    for number, row in enumerate(view.rows, start=1):
        yield from _row(number, row, view)
    for document in view.cut:
        yield from _document(document)
    for number, why in view.faults:
        words = tr(f"sample {number}: {why}", f"样本 {number}：{why}")
        yield f'<h3 class="fault">{escape(visible(words))}</h3>\n'
    yield "</main></body></html>\n"


def _key() -> str:
    names = (
        ("trained", tr("trained", "训练")),
        ("trained thought", tr("trained thought", "训练的思考")),
        ("masked", tr("only read", "仅读取")),
        ("cut", tr("cut", "截去")),
        ("end", tr("end of a trained turn", "训练轮次的结尾")),
    )
    spans = "".join(f'<span class="{name}">{escape(text)}</span>' for name, text in names)
    return f'<p class="key">{spans}<label for="ids">{escape(tr("show ids", "显示 id"))}</label></p>'


def _row(number: int, row: list[Shown], view: View) -> Iterator[str]:
    if view.capacity:
        num_tokens = sum(len(document.tokens) for document in row)
        words = tr(
            f"row {number} of {len(view.rows)}: {num_tokens:,} of {view.capacity:,} tokens, {counted(len(row), 'document')}",
            f"第 {number} / {len(view.rows)} 行：{num_tokens:,} / {view.capacity:,} 个 token，{len(row)} 个文档",
        )
        yield f'<section class="packed"><h2>{escape(words)}</h2>\n'
    for document in row:
        yield from _document(document)
    if view.capacity:
        yield "</section>\n"


def _document(document: Shown) -> Iterator[str]:
    yield f'<h3>{escape(heading(document))}</h3>\n<div class="doc">'
    for number, token in enumerate(document.tokens):
        yield _span(number, token)
    yield "</div>\n"


def _span(number: int, token: Token) -> str:
    """A token. Its content is its text, nothing else: signs come from the style."""
    classes = ["t", token.state]
    marks = (
        ("o", number % 2),
        ("thought", token.in_thought),
        ("control", token.is_control),
        ("end", token.ends_turn),
        ("nl", token.text.startswith("\n")),
        ("part", token.part),
    )
    classes += [name for name, is_so in marks if is_so]
    weight = "" if token.weight in (0, 1) else tr(f", weight {token.weight:g}", f"，权重 {token.weight:g}")
    tip = tr(f"position {number}, id {token.id}{weight}", f"位置 {number}，id {token.id}{weight}")
    part = f' data-part="{token.part}"' if token.part else ""
    text = escape(visible(token.text), quote=False)
    return f'<span class="{" ".join(classes)}" data-id="{token.id}" title="{escape(tip)}"{part}>{text}</span>'
