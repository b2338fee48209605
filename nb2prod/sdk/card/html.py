"""A card as HTML: semantic elements and one scoped style, so that it also reads where styles are taken away.

Each selector names the class twice: a notebook's own rules for tables and lists weigh more than one class.
Colours come from the front end (`--jp-*`); elsewhere text inherits and grounds are see-through, which suits light and dark.
"""

from __future__ import annotations

import html
import re

from nb2prod.records.lifecycle import Step
from nb2prod.sdk.card.shape import Card, Code, Fold, Item, Row, Table, took

STYLE = """
.nb2prod.nb2prod{font-family:var(--jp-ui-font-family,system-ui,sans-serif);font-size:13px;line-height:1.5;
color:var(--jp-content-font-color1,inherit);border-left:3px solid var(--jp-border-color1,#8886);padding:4px 0 4px 14px;
margin:4px 0;max-width:1040px;font-variant-numeric:tabular-nums}
.nb2prod.nb2prod.done{border-color:var(--jp-success-color1,#388e3c)}
.nb2prod.nb2prod.wrong{border-color:var(--jp-error-color1,#d32f2f)}
.nb2prod.nb2prod.decide{border-color:var(--jp-warn-color1,#f57c00)}
.nb2prod.nb2prod table{border-collapse:collapse;margin:0 0 8px;width:auto;border:0;font-size:13px;color:inherit}
.nb2prod.nb2prod .what,.nb2prod.nb2prod tbody td{color:inherit}
.nb2prod.nb2prod tr,.nb2prod.nb2prod tbody tr:nth-child(n),.nb2prod.nb2prod tbody tr:hover{background:none}
.nb2prod.nb2prod th,.nb2prod.nb2prod td{text-align:left;vertical-align:top;padding:1px 16px 1px 0;border:0;font-weight:400;
max-width:none;white-space:normal}
.nb2prod.nb2prod .r{text-align:right}
.nb2prod.nb2prod .head{font-size:15px;font-weight:600;margin:6px 0;display:flex;gap:6px 24px;
flex-wrap:wrap;justify-content:space-between}
.nb2prod.nb2prod .aside,.nb2prod.nb2prod dt,.nb2prod.nb2prod .time,.nb2prod.nb2prod thead th,
.nb2prod.nb2prod .steps th,.nb2prod.nb2prod summary,.nb2prod.nb2prod figcaption
{color:var(--jp-content-font-color2,inherit);font-weight:400}
.nb2prod.nb2prod .aside{font-size:13px}
.nb2prod.nb2prod .time{text-align:right;white-space:nowrap}
.nb2prod.nb2prod .running .what{opacity:.7}
.nb2prod.nb2prod .failed th,.nb2prod.nb2prod .failed .what{color:var(--jp-error-color1,#d32f2f);opacity:1}
.nb2prod.nb2prod dl{display:grid;grid-template-columns:76px minmax(0,1fr);gap:4px 14px;margin:8px 0}
.nb2prod.nb2prod dt,.nb2prod.nb2prod dd{margin:0;padding:0;float:none;width:auto;min-width:0;text-align:left;font-weight:400}
.nb2prod.nb2prod dt{white-space:nowrap}
.nb2prod.nb2prod dd p{margin:0 0 2px}
.nb2prod.nb2prod pre,
.nb2prod.nb2prod code{font-family:var(--jp-code-font-family,ui-monospace,Menlo,Consolas,monospace);font-size:12px;
background:var(--jp-layout-color2,#8882);border-radius:3px;color:inherit}
.nb2prod.nb2prod code{padding:1px 4px}
.nb2prod.nb2prod pre{padding:3px 8px;margin:0 0 4px;overflow-x:auto;white-space:pre;user-select:all;line-height:1.45;border:0}
.nb2prod.nb2prod .beside{display:flex;flex-wrap:wrap;gap:4px 14px;align-items:baseline}
.nb2prod.nb2prod .beside pre{margin:0}
.nb2prod.nb2prod a{color:var(--jp-content-link-color,inherit);text-decoration:underline}
.nb2prod.nb2prod details{margin:2px 0}
.nb2prod.nb2prod summary{cursor:pointer}
.nb2prod.nb2prod details>*:not(summary){margin-left:16px}
.nb2prod.nb2prod figure{margin:8px 0;overflow-x:auto}
.nb2prod.nb2prod .foot{margin:6px 0 0;opacity:.82}
"""


def card_html(card: Card) -> str:
    parts = [
        _steps(card.steps),
        _head(card),
        _rows(card.rows),
        *(_table(table) for table in card.tables),
        f'<p class="foot">{prose(card.foot)}</p>' if card.foot else "",
        *(_fold(fold) for fold in card.folds),
    ]
    live = ' role="status" aria-live="polite"' if any(step.state == "running" for step in card.steps) else ""
    return f'<div class="nb2prod {card.tone}"{live}><style>{STYLE}</style>{"".join(parts)}</div>'


def prose(text: str) -> str:
    """Escaped text; what stands between backticks is code."""
    parts = re.split(r"`([^`\n]+)`", text)
    marked = [f"<code>{html.escape(part)}</code>" if n % 2 else html.escape(part) for n, part in enumerate(parts)]
    return "".join(marked).replace("\n", "<br>")


def _steps(steps: tuple[Step, ...]) -> str:
    if not steps:
        return ""
    lines = "".join(
        f'<tr class="{step.state}"><th scope="row">{step.name}</th><td class="time">{took(step)}</td>'
        f'<td class="what">{prose(step.text)}</td></tr>'
        for step in steps
    )
    return f'<table class="steps"><tbody>{lines}</tbody></table>'


def _head(card: Card) -> str:
    if not card.head:
        return ""
    head = prose(card.head)
    if card.link:
        link = html.escape(card.link, quote=True)
        head = head.replace(html.escape(card.link), f'<a href="{link}" target="_blank" rel="noopener">{link}</a>')
    aside = f'<span class="aside">{prose(card.aside)}</span>' if card.aside else ""
    return f'<div class="head"><span>{head}</span>{aside}</div>'


def _rows(rows: tuple[Row, ...]) -> str:
    if not rows:
        return ""
    return "<dl>" + "".join(f"<dt>{html.escape(row.label)}</dt>{_items(row)}" for row in rows) + "</dl>"


def _items(row: Row) -> str:
    kind = ' class="beside"' if row.beside else ""
    return f"<dd{kind}>" + "".join(_item(item, row.beside) for item in row.items) + "</dd>"


def _item(item: Item, beside: bool) -> str:
    if isinstance(item, Code):
        note = f"<span>{html.escape(item.note)}:</span> " if item.note else ""
        line = f"{note}<pre>{html.escape(item.text)}</pre>"
        return f'<div class="beside">{line}</div>' if note and not beside else line
    return f"<span>{prose(item)}</span>" if beside else f"<p>{prose(item)}</p>"


def _table(table: Table) -> str:
    def line(cells: tuple[str, ...], tag: str) -> str:
        sides = [' class="r"' if table.align[n : n + 1] == "r" else "" for n in range(len(cells))]
        return (
            "<tr>" + "".join(f"<{tag}{side}>{prose(c)}</{tag}>" for c, side in zip(cells, sides, strict=True)) + "</tr>"
        )

    caption = f"<figcaption>{html.escape(table.title)}</figcaption>" if table.title else ""
    body = "".join(line(row, "td") for row in table.rows)
    return f"<figure>{caption}<table><thead>{line(table.head, 'th')}</thead><tbody>{body}</tbody></table></figure>"


def _fold(fold: Fold) -> str:
    text = f"<pre>{html.escape(fold.text)}</pre>" if fold.text else ""
    inside = _rows(fold.rows) + (_table(fold.table) if fold.table else "") + text
    return f"<details><summary>{html.escape(fold.summary)}</summary>{inside}</details>"
