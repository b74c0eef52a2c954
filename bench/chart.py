"""Draws results as an SVG chart: for each scenario one bar per contender, as
long as it is good compared with the best one. Plain text out of a template: a
plotting library would be a hundred times as large as this."""

import html
import json
import pathlib
import sys

from measure import MAIN_METRICS

COLOURS = {"datashim": "#0b6e4f", "raw": "#9aa5b1", "curl": "#c3cad2", "ext4": "#9aa5b1", "link": "#c3cad2",
           "mountpoint-s3": "#d97706", "goofys": "#7c3aed", "geesefs": "#2563eb", "s3fs": "#be123c",
           "rclone": "#0891b2"}
UNITS = {"gb_per_s": "GB/s", "reads_per_s": "reads/s", "files_per_s": "files/s", "entries_per_s": "names/s",
         "seconds": "s"}
LEFT, WIDTH, BAR, GAP = 240, 420, 16, 26


def main_metric(contenders: dict) -> str | None:
    return next((m for m in MAIN_METRICS if all(m in figures for figures in contenders.values())), None)


def text(x: float, y: float, content: str, extra: str = "") -> str:
    return f'<text x="{x:g}" y="{y:g}" {extra}>{html.escape(content)}</text>'


def draw(results: dict) -> str:
    lines, y = [], 20
    for scenario, contenders in sorted(results.items()):
        metric = main_metric(contenders)
        if metric is None:
            continue
        less_is_better = metric == "seconds"
        values = {name: figures[metric] for name, figures in contenders.items() if figures[metric] > 0}
        best = (min if less_is_better else max)(values.values())
        lines.append(text(10, y + 12, scenario, 'font-weight="bold"'))
        for name, value in sorted(values.items(), key=lambda item: item[1], reverse=not less_is_better):
            length = WIDTH * (best / value if less_is_better else value / best)
            lines.append(text(LEFT - 8, y + 12, name, 'text-anchor="end"'))
            lines.append(f'<rect x="{LEFT}" y="{y}" width="{length:.1f}" height="{BAR - 2}" '
                         f'fill="{COLOURS.get(name, "#555")}"/>')
            lines.append(text(LEFT + length + 6, y + 12, f"{value:.3g} {UNITS[metric]}"))
            y += BAR
        y += GAP - BAR
    head = (f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDTH + 120}" height="{y + 10}" '
            f'font-family="sans-serif" font-size="12">\n<rect width="100%" height="100%" fill="white"/>')
    return "\n".join([head, *lines, "</svg>"]) + "\n"


if __name__ == "__main__":
    source, target = map(pathlib.Path, sys.argv[1:3])
    target.write_text(draw(json.loads(source.read_text())))
