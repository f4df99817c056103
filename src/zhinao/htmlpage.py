"""A self-contained HTML page: its frame and its look, light and dark, wide and narrow. What stands in it is its caller's."""

from html import escape

from zhinao.lang import current


def page(title: str, body: str, css: str = "") -> str:
    """`title`: plain text. `body`: HTML, escaped by whoever made it. `css`: more rules, after CSS."""
    return (
        f'<!doctype html>\n<html lang="{"zh-CN" if current() == "zh" else "en"}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f'<meta name="color-scheme" content="light dark"><title>{escape(title)}</title>'
        f"<style>{CSS}{css}</style></head><body><main>{body}</main></body></html>\n"
    )


# Light and dark by the reader's system; nothing is fetched.
CSS = """
:root { --page:#f7f7f5; --card:#fff; --ink:#1c1c1a; --dim:#6c6b66; --rule:#e3e2dd; --a:#2468b8; --b:#c9541f; --ok:#1d7a46; --bad:#b3261e }
@media (prefers-color-scheme: dark) {
  :root { --page:#151514; --card:#1e1e1c; --ink:#ecebe6; --dim:#9d9b94; --rule:#34332f; --a:#6aa7ee; --b:#ef8a58; --ok:#5cc48b; --bad:#f0867e }
}
* { box-sizing:border-box }
body { margin:0; background:var(--page); color:var(--ink); font:15px/1.5 system-ui,-apple-system,"Segoe UI","PingFang SC","Microsoft YaHei","Noto Sans CJK SC",sans-serif }
main { max-width:1240px; margin:0 auto; padding:28px 20px 60px }
h1 { font-size:24px; line-height:1.25; margin:0 0 4px; overflow-wrap:anywhere }
h2 { font-size:17px; margin:34px 0 10px }
p { margin:4px 0 } .dim { color:var(--dim) }
.badge { display:inline-block; padding:1px 10px; border-radius:10px; font-size:13px; font-weight:600; color:var(--card); background:var(--dim); margin-right:8px }
.badge.finished { background:var(--ok) } .badge.failed { background:var(--bad) } .badge.running, .badge.stopped { background:var(--a) }
.tiles { display:grid; grid-template-columns:repeat(auto-fill,minmax(150px,1fr)); gap:10px; margin-top:18px }
.tiles div { background:var(--card); border:1px solid var(--rule); border-radius:8px; padding:9px 13px }
.tiles b { display:block; font-size:19px; font-weight:600; font-variant-numeric:tabular-nums } .tiles span { color:var(--dim); font-size:13px }
.charts { display:grid; grid-template-columns:repeat(auto-fit,minmax(min(100%,420px),1fr)); gap:14px }
figure { margin:0; background:var(--card); border:1px solid var(--rule); border-radius:8px; padding:10px 12px 4px }
figcaption { font-weight:600; display:flex; flex-wrap:wrap; gap:4px 16px; justify-content:space-between }
.legend { font-weight:400; color:var(--dim); font-size:13px; display:flex; gap:14px } .legend i { display:inline-block; width:12px; height:3px; border-radius:2px; margin:0 6px 3px 0; background:var(--a) } .legend i.b { background:var(--b) }
svg { width:100%; height:auto; display:block }
.grid { stroke:var(--rule) } .tick { fill:var(--dim); font-size:12px; font-variant-numeric:tabular-nums }
.line { fill:none; stroke:var(--a); stroke-width:1.8; stroke-linejoin:round } .line.b { stroke:var(--b) }
.dot { fill:var(--a); stroke:var(--card); stroke-width:1.5 } .dot.b { fill:var(--b) }
.hit { fill:var(--a); fill-opacity:0 } .hit.b { fill:var(--b) } .hit:hover, .dot:hover { fill-opacity:1; stroke:var(--card); stroke-width:1.5 }
.bar { fill:var(--a) } .bar:hover { fill:var(--b) }
.scroll { overflow-x:auto; background:var(--card); border:1px solid var(--rule); border-radius:8px }
table { border-collapse:collapse; width:100%; font-size:14px } th,td { text-align:left; vertical-align:top; padding:6px 13px; border-bottom:1px solid var(--rule) }
tbody tr:last-child > * { border-bottom:0 } th { font-weight:600 } .numbers td:not(:first-child), .numbers thead th:not(:first-child) { text-align:right; font-variant-numeric:tabular-nums } thead th { color:var(--dim); font-size:13px; white-space:nowrap }
.samples td { min-width:250px; max-width:420px; white-space:pre-wrap; overflow-wrap:anywhere } .samples tbody th { position:sticky; left:0; background:var(--card); min-width:170px; max-width:220px; border-right:1px solid var(--rule) }
.samples .same { color:var(--dim) } .empty { color:var(--dim); font-style:italic }
.facts tbody th { width:1%; white-space:nowrap; font-weight:400; color:var(--dim) } .facts td { overflow-wrap:anywhere } code { font:13px/1.45 ui-monospace,Menlo,Consolas,monospace }
.two { display:grid; grid-template-columns:repeat(auto-fit,minmax(min(100%,480px),1fr)); gap:0 24px; align-items:start }
"""
