"""The scan report: one self-contained HTML page of headline, maps, sentences, distrust and provenance."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape

from microstructure_assets.figures.render import SMALLEST_LIMIT_BYTES, data_uri, shrunk

IMAGES_LIMIT_BYTES = 2_800_000
LARGEST_IMAGE_BYTES = 700_000
WIDEST_IMAGE_PX = 1600
SHORT_CELL = 26


@dataclass(frozen=True)
class Fact:
    """One number of the headline: `value` ("412"), `unit` ("µm", may be empty), `label` ("regions")."""

    value: str
    label: str
    unit: str = ""


@dataclass(frozen=True)
class Table:
    """Rows of text under a row of column names."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Section:
    """One part of the report.

    Parameters
    ----------
    title
        Its heading.
    sentences
        Plain sentences with figures, one paragraph together.
    figure_png
        The picture, None for none.
    caption
        What the picture shows; also its text for readers who cannot see it.
    table
        Rows below the picture.
    """

    title: str
    sentences: tuple[str, ...] = ()
    figure_png: bytes | None = None
    caption: str = ""
    table: Table | None = None


@dataclass(frozen=True)
class ArtifactRow:
    """Where one artifact comes from: all words, times in UTC.

    Parameters
    ----------
    artifact, tile
        Name, and the slot where it is a tile's.
    content_hash, code_version
        What it is and by which version of its method.
    made
        When it was made.
    reason
        Why it was computed again, or that it was reused.
    settings
        The settings that differ from the default, ``knee.minimum = 3``.
    """

    artifact: str
    content_hash: str
    code_version: str
    made: str
    reason: str = ""
    settings: tuple[str, ...] = ()
    tile: str = ""


@dataclass(frozen=True)
class ScanReport:
    """All that the page says.

    Parameters
    ----------
    scan
        Name of the scan.
    created
        When the report was made, as text.
    headline
        Four to six numbers.
    summary
        What was found, in two or three sentences.
    sections
        Maps first.
    distrust
        One sentence per thing to distrust.
    artifacts
        Provenance, a row per artifact.
    raw_files
        Path and hash of each file that was read.
    software
        Name and version of what computed.
    about
        Facts of the scan: name and value ("step", "0.0263 µm").
    """

    scan: str
    created: str
    headline: tuple[Fact, ...] = ()
    summary: tuple[str, ...] = ()
    sections: tuple[Section, ...] = ()
    distrust: tuple[str, ...] = ()
    artifacts: tuple[ArtifactRow, ...] = ()
    raw_files: tuple[tuple[str, str], ...] = ()
    software: tuple[tuple[str, str], ...] = ()
    about: tuple[tuple[str, str], ...] = field(default=())


_STYLE = """
:root{color-scheme:light dark;--paper:#fff;--ink:#1c2229;--muted:#5c6670;--line:#d9dee3;--pale:#f5f7f8;--accent:#2f62a8;
--warn:#8a4b00;--warnpale:#fdf5e9;--warnline:#e2a756}
@media (prefers-color-scheme:dark){:root{--paper:#14181c;--ink:#e6eaee;--muted:#9aa5b0;--line:#333b43;--pale:#1c2228;
--accent:#8db8ee;--warn:#f2c078;--warnpale:#2a2218;--warnline:#8a6326}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,
"Helvetica Neue",Arial,"Noto Sans",sans-serif;-webkit-text-size-adjust:100%}
main{max-width:62rem;margin:0 auto;padding:2.5rem 1.5rem 4rem}
header p{margin:.25rem 0 0;color:var(--muted)}
.kind{font-size:.8rem;letter-spacing:.08em;text-transform:uppercase;color:var(--muted);margin:0}
h1{font-size:2rem;line-height:1.2;margin:.2rem 0 0;font-weight:650;overflow-wrap:anywhere}
h2{font-size:1.25rem;line-height:1.3;margin:2.75rem 0 .6rem;font-weight:650;overflow-wrap:anywhere}
h3{font-size:1rem;margin:1.4rem 0 .4rem}
p{margin:.5rem 0;max-width:46rem;overflow-wrap:anywhere}
.facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(8.5rem,1fr));margin:1.6rem 0 1.2rem;padding:0;
border-top:1px solid var(--ink);border-bottom:1px solid var(--line)}
.facts div{padding:.8rem 1rem .8rem 0}
.facts dt{font-size:.85rem;color:var(--muted);line-height:1.3}
.facts dd{margin:0;font-size:1.75rem;line-height:1.25;font-weight:600;font-variant-numeric:tabular-nums;
overflow-wrap:anywhere}
.facts dd span{font-size:1rem;font-weight:400;color:var(--muted)}
.facts div{display:flex;flex-direction:column-reverse;justify-content:flex-end}
.lead{font-size:1.08rem}
figure{margin:1rem 0 0}
figure img{display:block;max-width:100%;height:auto;background:#fff;border:1px solid var(--line);
border-radius:3px}
figcaption{font-size:.87rem;color:var(--muted);margin-top:.45rem;max-width:46rem}
.distrust{border-left:4px solid var(--warnline);background:var(--warnpale);padding:.2rem 1.25rem 1rem;
margin:2.75rem 0 0}
.distrust h2{margin:1rem 0 .3rem;color:var(--warn)}
.distrust ul{margin:.3rem 0 0;padding-left:1.15rem}
.distrust li{margin:.35rem 0;max-width:46rem;overflow-wrap:anywhere}
.wide{overflow-x:auto;margin:.8rem 0 0}
table{border-collapse:collapse;font-size:.85rem;line-height:1.4;font-variant-numeric:tabular-nums}
th,td{text-align:left;vertical-align:top;padding:.35rem 1.1rem .35rem 0;border-bottom:1px solid var(--line)}
th{font-weight:600;color:var(--muted);white-space:nowrap}
td.number{text-align:right}
th.number{text-align:right}
td{overflow-wrap:anywhere;min-width:3rem}
td.short{white-space:nowrap;overflow-wrap:normal}
.note{font-size:.95rem}
a{color:var(--accent)}
code{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;font-size:.92em}
details{margin:1rem 0 0;border-top:1px solid var(--line)}
summary{cursor:pointer;padding:.7rem 0;font-weight:600}
summary span{font-weight:400;color:var(--muted)}
footer{margin-top:3rem;padding-top:.8rem;border-top:1px solid var(--line);font-size:.85rem;color:var(--muted)}
@media print{:root{--paper:#fff;--ink:#000;--muted:#444;--line:#bbb;--pale:#fff;--warn:#6b3a00;--warnpale:#fff;
--warnline:#999}body{font-size:10.5pt}main{max-width:none;padding:0}h1{font-size:18pt}h2{margin-top:1.4rem;
break-after:avoid}.pictured,figure,.distrust,.facts{break-inside:avoid}
figure img{max-height:9.6cm;width:auto;border:0}.facts{grid-template-columns:repeat(auto-fit,minmax(5.5rem,1fr))}
details::details-content{content-visibility:visible;block-size:auto}
.facts dd{font-size:15pt}.wide{overflow:visible}section:first-of-type img{max-height:15cm}
table{font-size:7.5pt}th,td{padding-right:.7rem}a{color:inherit}}
"""

_NUMBER = re.compile(r"^[\s−–+\-]?[\d\s\u2009.,]+(·10[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)?\s*%?$")


def _text(value: object) -> str:
    """Escaped text without control characters, which no HTML page may hold."""
    return escape("".join(letter for letter in str(value) if letter in "\t\n" or ord(letter) >= 32), quote=True)


def _paragraph(sentences: Sequence[str], kind: str = "") -> str:
    if not sentences:
        return ""
    return f"<p{kind}>{' '.join(_text(sentence) for sentence in sentences)}</p>"


def _table(table: Table, code_columns: frozenset[int] = frozenset()) -> str:
    """A table; columns of numbers are set right, columns of short words are not broken."""
    kinds = []
    for place in range(len(table.columns)):
        words = [row[place] for row in table.rows if place < len(row) and row[place]]
        numeric = bool(words) and place not in code_columns and all(_NUMBER.match(word) for word in words)
        short = max((len(word) for word in words), default=0) <= SHORT_CELL
        kinds.append("number" if numeric else "short" if short else "")

    def cell(tag: str, text: str, place: int) -> str:
        kind = kinds[place] if place < len(kinds) else ""
        kind = f' class="{kind}"' if kind else ""
        words = f"<code>{_text(text)}</code>" if place in code_columns and tag == "td" and text else _text(text)
        return f"<{tag}{kind}>{words}</{tag}>"

    names = "".join(cell("th", name, place) for place, name in enumerate(table.columns))
    head = f"<thead><tr>{names}</tr></thead>" if any(table.columns) else ""
    rows = "".join(
        "<tr>" + "".join(cell("td", text, place) for place, text in enumerate(row)) + "</tr>" for row in table.rows
    )
    return f'<div class="wide"><table>{head}<tbody>{rows}</tbody></table></div>'


def _share(sizes: Sequence[int]) -> int:
    """Largest size of one picture such that all fit the page: small pictures leave their room to the large ones."""
    room, left = IMAGES_LIMIT_BYTES, len(sizes)
    for size in sorted(min(size, LARGEST_IMAGE_BYTES) for size in sizes):
        if size * left > room:
            return room // left
        room, left = room - size, left - 1
    return LARGEST_IMAGE_BYTES


def _images(report: ScanReport) -> dict[int, bytes]:
    """Pictures of the sections, each as given where it fits its share of the page, else shrunk to it."""
    given = {place: section.figure_png for place, section in enumerate(report.sections) if section.figure_png}
    limit = _share([len(image) for image in given.values()])
    return {
        place: image if len(image) <= limit else shrunk(image, max(limit, SMALLEST_LIMIT_BYTES), WIDEST_IMAGE_PX)
        for place, image in given.items()
    }


def _section(section: Section, image: bytes | None) -> str:
    kind = ' class="pictured"' if image is not None else ""
    parts = [f"<section{kind}><h2>{_text(section.title)}</h2>", _paragraph(section.sentences)]
    if image is not None:
        words = section.caption or section.title
        caption = f"<figcaption>{_text(section.caption)}</figcaption>" if section.caption else ""
        parts.append(f'<figure><img alt="{_text(words)}" src="{data_uri(image)}">{caption}</figure>')
    elif section.caption:
        parts.append(f"<p>{_text(section.caption)}</p>")
    if section.table is not None and section.table.columns:
        parts.append(_table(section.table))
    return "".join(parts) + "</section>"


def _headline(report: ScanReport) -> str:
    facts = "".join(
        f"<div><dt>{_text(fact.label)}</dt><dd>{_text(fact.value)}"
        + (f" <span>{_text(fact.unit)}</span>" if fact.unit else "")
        + "</dd></div>"
        for fact in report.headline
    )
    return f'<dl class="facts">{facts}</dl>' if facts else ""


def _pointer(remarks: int) -> str:
    if not remarks:
        return ""
    words = "one remark" if remarks == 1 else f"{remarks} remarks"
    return f'<p class="note"><a href="#distrust">What to distrust: {words}</a></p>'


def _distrust(report: ScanReport) -> str:
    if not report.distrust:
        content = "<p>No check found a reason for doubt.</p>"
    else:
        content = f"<ul>{''.join(f'<li>{_text(sentence)}</li>' for sentence in report.distrust)}</ul>"
    return f'<section class="distrust" id="distrust"><h2>What to distrust</h2>{content}</section>'


def _folded(name: str, count: str, content: str) -> str:
    return f"<details><summary>{_text(name)} <span>{_text(count)}</span></summary>{content}</details>"


def _provenance(report: ScanReport) -> str:
    parts = ["<section><h2>Provenance</h2>"]
    if report.artifacts:
        rows = tuple(
            (
                row.artifact,
                row.tile,
                row.content_hash,
                row.code_version,
                row.made,
                row.reason,
                ", ".join(row.settings) or "default",
            )
            for row in report.artifacts
        )
        columns = ("artifact", "tile", "content hash", "code version", "made", "why", "settings")
        parts.append(_folded("Artifacts", f"({len(rows)})", _table(Table(columns, rows), frozenset({2, 3}))))
    if report.raw_files:
        raw = Table(("file", "hash"), report.raw_files)
        parts.append(_folded("Raw files", f"({len(report.raw_files)})", _table(raw, frozenset({1}))))
    if report.software:
        versions = Table(("software", "version"), report.software)
        parts.append(_folded("Software", f"({len(report.software)})", _table(versions, frozenset({1}))))
    if len(parts) == 1:
        parts.append("<p>No provenance was handed to this report.</p>")
    return "".join(parts) + "</section>"


def render_report(report: ScanReport) -> str:
    """The report as one HTML page that needs nothing else: styles and pictures are in it, it has no script.

    Parameters
    ----------
    report
        What it says. All text is escaped.

    Returns
    -------
    str
        The page; its pictures take at most about 2.8 MB (3.7 MB encoded), larger ones are shrunk.
    """
    images = _images(report)
    about = Table(("", ""), report.about)
    body = [
        '<header><p class="kind">Scan report</p>',
        f"<h1>{_text(report.scan)}</h1><p>{_text(report.created)}</p></header>",
        _headline(report),
        _paragraph(report.summary, ' class="lead"'),
        _pointer(len(report.distrust)),
        *(_section(section, images.get(place)) for place, section in enumerate(report.sections)),
        _distrust(report),
        f"<section><h2>The scan</h2>{_table(about)}</section>" if report.about else "",
        _provenance(report),
        "<footer>Written by Microstructure Assets. This page holds its pictures and needs no connection.</footer>",
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        # nothing may be loaded or run, whatever a name in the page contains
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; img-src data:; '
        "style-src 'unsafe-inline'\">"
        f"<title>{_text(report.scan)} – scan report</title><style>{_STYLE}</style></head>"
        f"<body><main>{''.join(body)}</main></body></html>\n"
    )
