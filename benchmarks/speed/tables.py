"""The tables: each form of ours beside each peer, or alone; the goal and the verdict, and what the check says."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.speed.benchmark import Benchmark, Equality
from benchmarks.speed.catalogue import BENCHMARKS
from benchmarks.speed.graphics import GRAPHICS
from benchmarks.speed.measurement import Measurement
from benchmarks.speed.running import Run

#: Cores used by others above which figures are marked.
CONTENDED_CORES = 0.25

Line = dict[str, Any]


def append(folder: Path, line: Line) -> None:
    """Keep a run's line in the benchmark's file."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{line['name']}.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(line, ensure_ascii=False) + "\n")


def latest(folder: Path) -> dict[str, Line]:
    """The last line of each benchmark in the order of the catalogue; lines of other sides than today's do not count."""
    lines = {}
    for name, benchmark in BENCHMARKS.items():
        path = folder / f"{name}.jsonl"
        texts = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
        kept = [line for line in map(json.loads, texts) if set(line["measurements"]) == set(benchmark.sides)]
        if kept:
            lines[name] = kept[-1]
    return lines


def tables(lines: dict[str, Line]) -> dict[str, str]:
    """A table per step that there are results for, as Markdown, by the name of its place on the page."""
    places: dict[str, list[Line]] = {}
    for name, line in lines.items():
        places.setdefault(name.partition("-")[0], []).append(line)
    return {place: _table(members) for place, members in places.items()}


_HEADS = (
    "size",
    "ours",
    "peer",
    "wall, ours [s]",
    "wall, peer [s]",
    "ratio of wall times",
    "goal",
    "CPU, ours [s]",
    "CPU, peer [s]",
    "ratio of CPU times",
    "memory above the data, ours [MB]",
    "memory above the data, peer [MB]",
    "measurements, ours and peer",
)


_HEADS_ALONE = ("size", "form", "wall [s]", "CPU [s]", "peak memory [MB]", "measurements")


def _table(lines: list[Line]) -> str:
    heads = _HEADS if BENCHMARKS[lines[0]["name"]].peers else _HEADS_ALONE
    rows = ["| " + " | ".join(heads) + " |", "|" + " --- |" * len(heads)]
    notes = []
    for line in lines:
        run, benchmark = Run.of_json(line), BENCHMARKS[line["name"]]
        # A line from a machine with a graphics processor is shown everywhere, and one from elsewhere lacks that side.
        forms = [name for name in run.measurements if name in benchmark.ours or name == GRAPHICS]
        if benchmark.peers:
            rows += [_row(benchmark, run, own, peer) for own in forms for peer in benchmark.peers]
        else:
            rows += [_row_alone(benchmark, run, own) for own in forms]
        notes += _notes(benchmark, run, line)
    return f"### {BENCHMARKS[lines[0]['name']].step}\n\n" + "\n".join(rows) + "\n\n" + "\n".join(notes)


def _row(benchmark: Benchmark, run: Run, own: str, peer: str) -> str:
    ours, theirs = run.measurements[own], run.measurements[peer]
    ratio = _middle(theirs, "wall_s") / _middle(ours, "wall_s")
    cells = (
        _size(benchmark, run),
        own,
        peer,
        _seconds(ours, "wall_s"),
        _seconds(theirs, "wall_s"),
        f"{ratio:.3g}×",
        _verdict(benchmark.goal, ratio, run, own, peer),
        f"{_middle(ours, 'cpu_s'):.3g}",
        f"{_middle(theirs, 'cpu_s'):.3g}",
        f"{_middle(theirs, 'cpu_s') / _middle(ours, 'cpu_s'):.3g}×",
        *("–" if run.small else f"{_middle(side, 'peak_bytes') / 1e6:.0f}" for side in (ours, theirs)),
        f"{len(ours)}, {len(theirs)}",
    )
    return "| " + " | ".join(cells) + " |"


def _row_alone(benchmark: Benchmark, run: Run, own: str) -> str:
    ours = run.measurements[own]
    peak = f"{_middle(ours, 'peak_bytes') / 1e6:.0f}"
    cells = (_size(benchmark, run), own, _seconds(ours, "wall_s"), f"{_middle(ours, 'cpu_s'):.3g}", peak, len(ours))
    return "| " + " | ".join(map(str, cells)) + " |"


def _size(benchmark: Benchmark, run: Run) -> str:
    return f"{benchmark.size}{' (a hundredth)' if run.small else ''}"


def _verdict(goal: float | None, ratio: float, run: Run, own: str, peer: str) -> str:
    if not run.holds:
        return "**results differ**"
    if not run.is_equal(own, peer):
        return f"{'–' if goal is None else f'{goal:g}×'}: no verdict, less accurate"
    if goal is None or run.small:
        return "–"
    return f"{goal:g}×: {'reached' if ratio >= goal else '**missed**'}"


def _notes(benchmark: Benchmark, run: Run, line: Line) -> list[str]:
    """What the check, the cold calls and the machine say of a benchmark."""
    notes = [f"`{benchmark.name}` ({benchmark.data}): " + "; ".join(_figures(run)) + "."]
    for own in (name for name in benchmark.ours if name in run.cold):  # in their order, which a set has not
        for peer in (name for name in benchmark.peers if name in run.cold):
            ours, theirs = (_middle(run.cold[name], "wall_s") for name in (own, peer))
            notes.append(f"First call in a process, {own}: {ours:.3g} s against {theirs:.3g} s, {theirs / ours:.3g}×.")
    for peer, figure in benchmark.updates_to_equal.items():
        seconds = _middle(run.measurements[peer], "wall_s") * run.figures[figure].value
        first = next(iter(benchmark.ours))
        ratio = seconds / _middle(run.measurements[first], "wall_s")
        notes.append(
            f"Time to equal objective, {peer}: {seconds:.3g} s, {ratio:.3g} times ours ({first}); its updates counted, "
            "times the measured time of one."
        )
    notes += _limits(benchmark, run, line.get("rates"))
    threads = 1 if run.small else line["machine"]["threads"]
    where = [f"{line['machine']['processor']}, {threads} thread{'s' if threads > 1 else ''}"]
    where[0] += " on both sides" if benchmark.peers else ""
    where.append(f"code {line['machine']['code']}, {line['when']}")
    if (run.busy_cores or 0) > CONTENDED_CORES:
        where.append(f"**contended: other programs used {run.busy_cores:.1f} cores**")
    notes.append("Measured on " + "; ".join(where) + ".")
    return ["- " + notes[0], *("  " + note for note in notes[1:])]


def _limits(benchmark: Benchmark, run: Run, rates: dict[str, float] | None) -> list[str]:
    """The time that reading the data once and the products that are needed take at the machine's best rates."""
    if not rates or run.small or not benchmark.flops:
        return []
    parts = []
    for own, flops in benchmark.flops.items():
        least = max(run.data_bytes / rates["copy_gb_per_s"], flops / rates["gflops"]) / 1e9
        parts.append(f"{own} {least:.2g} s ({100 * least / _middle(run.measurements[own], 'wall_s'):.0f} % of it used)")
    return [
        f"The machine's limit ({rates['copy_gb_per_s']:.0f} GB/s copied, {rates['gflops']:.0f} GFLOP/s in float32 "
        f"products, both measured in the same session): {', '.join(parts)}."
    ]


def _figures(run: Run) -> list[str]:
    """Figures in words; goals are for the full size and left out of the small one's."""
    shown = {
        name: replace(one, least=-math.inf, most=math.inf) if run.small and one.is_goal else one
        for name, one in run.figures.items()
    }
    return [_figure(name, figure) for name, figure in shown.items()]


def _figure(name: str, figure: Equality) -> str:
    bounds = [f"≥ {figure.least:.6g}"] if figure.least > -math.inf else []
    bounds += [f"≤ {figure.most:.6g}"] if figure.most < math.inf else []
    text = f"{name} {figure.value:.6g}"
    if figure.is_goal and bounds:
        return f"{text} (goal {' and '.join(bounds)}: {'reached' if figure.holds else '**missed**'})"
    return f"{text} ({' and '.join(bounds)}{'' if figure.holds else ': **does not hold**'})" if bounds else text


def _middle(several: Sequence[Measurement], key: str) -> float:
    return float(median(getattr(one, key) for one in several))


def _seconds(several: Sequence[Measurement], key: str) -> str:
    values = [getattr(one, key) for one in several]
    spread = f" ({min(values):.3g} to {max(values):.3g})" if len(values) > 1 else ""
    return f"{median(values):.3g}{spread}"
