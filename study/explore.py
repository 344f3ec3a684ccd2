"""Write study/explore.html, a page to try early stopping and dropout on the recorded trainings: `make explore`.

Its picture in the README is a screenshot:
chromium --headless --hide-scrollbars --window-size=900,900 --screenshot=study/explore.png study/explore.html
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
import vl_convert

from seeds.statistics import Spread, spread
from stages.base.params import written
from stages.base.process import outputs, run
from stages.report.pages import render
from stages.report.style import SERIES
from study.notes.design import Study, read_design
from study.notes.findings import HISTORY, TRAININGS, Values, read_table, values_of
from study.sizes.effects import Effect, effects, load_values
from study.sizes.grid import Grid, read_grid
from study.stopping import with_patience

PAGE, TEMPLATE = Path("study/explore.html"), Path("study/explore.html.jinja")
PATIENCES = range(1, 20)
# The trainings that nothing stopped, in the order of their colors.
WHOLE = {"rmsprop-20": "RMSprop", "adam-20": "Adam", "dropout-20": "Adam, dropout 0.3"}
# The two trainings whose gap is shown, and those that measured their training loss with dropout off.
GAPS = {"adam-20": ("adam-11", "adam-20"), "dropout-20": ("dropout-11", "dropout-20")}
COLORS = [series["color"] for series in SERIES]
GREY = "#c8c8c8"
POINTS = 100  # percentage points in one unit of accuracy

# The texts of the charts in both languages; the template has those of the page.
WORDS = {
    "language": ("en", "ko"),
    "about stopping": ("Validation loss of each seed over the epochs", "시드마다 에포크별 검증 손실"),
    "about gap": ("Losses with and without dropout over the epochs", "드롭아웃을 쓸 때와 쓰지 않을 때의 에포크별 손실"),
    "about effect": ("Effect of dropout over the number of training images", "훈련 이미지 수에 따른 드롭아웃의 효과"),
    "training": ("training", "훈련"),
    "dropout": ("dropout", "드롭아웃"),
    "patience": ("patience", "patience"),
    "seed": ("seed", "시드"),
    "epoch": ("epoch", "에포크"),
    "kept_epoch": ("kept epoch", "남긴 에포크"),
    "epochs": ("end of training", "훈련이 끝난 에포크"),
    "loss": ("training loss", "훈련 손실"),
    "val_loss": ("validation loss", "검증 손실"),
    "losses": ("loss", "손실"),
    "network": ("network", "신경망"),
    "measure": ("measure", "측정값"),
    "images": ("training images", "훈련 이미지 수"),
    "mean": ("mean", "평균"),
    "low": ("95% interval from", "95% 신뢰구간 하한"),
    "high": ("to", "상한"),
    "kept_val_loss": ("validation loss, best epoch", "검증 손실, 최적 에포크"),
    "kept_val_accuracy": ("validation accuracy, best epoch", "검증 정확도, 최적 에포크"),
    "last_val_loss": ("validation loss, last epoch", "검증 손실, 마지막 에포크"),
    "last_val_accuracy": ("validation accuracy, last epoch", "검증 정확도, 마지막 에포크"),
    "lower": ("Change in loss (below 0: dropout pays)", "손실의 변화 (0보다 아래면 드롭아웃이 이롭다)"),
    "higher": ("Percentage points (above 0: dropout pays)", "퍼센트포인트 (0보다 위면 드롭아웃이 이롭다)"),
}
Words = Mapping[str, str]  # the texts of one language


def outcomes(design: Study, history: pd.DataFrame) -> pd.DataFrame:
    """Return what early stopping does to each training and seed at each patience, by Keras's own EarlyStopping.

    The columns are those of study/notes/patience.csv, and the best epoch of the whole training.
    """
    rows = []
    for training in WHOLE:
        monitor, min_delta = design.trainings[training].monitor, design.trainings[training].min_delta
        for seed, epochs in history[history["training"] == training].groupby("seed"):
            recorded = epochs.to_dict("list")
            _, best = with_patience(recorded, monitor, patience=None)
            for patience in PATIENCES:
                last, kept = with_patience(recorded, monitor, patience, min_delta)
                values = (recorded[name][kept - 1] for name in ("val_loss", "val_accuracy"))
                rows.append((training, seed, patience, last, kept, *values, best))
    columns = ["training", "seed", "patience", "epochs", "kept_epoch", "val_loss", "val_accuracy", "best_epoch"]
    return pd.DataFrame(rows, columns=columns)


def numbers(found: pd.DataFrame, history: pd.DataFrame) -> dict[str, list[dict[str, str]]]:
    """Return the texts of the table of early stopping: training -> [patience - 1] -> id of a cell -> text.

    The best and the last epoch come with their difference from the kept epoch, paired by seed.
    """
    epochs = history.set_index(["training", "seed", "epoch"])
    table: dict[str, list[dict[str, str]]] = {training: [] for training in WHOLE}
    for (training, _), rows in found.groupby(["training", "patience"]):
        last = np.full(len(rows), history.loc[history["training"] == training, "epoch"].max())
        cells = {
            "epochs": f"{rows['epochs'].mean():.1f}",
            "saved": f"{(last - rows['epochs']).mean():.1f}",
            "last": f"{last[0]}",
        }
        for name, factor, form, percent in (("val_loss", 1, ".3f", ""), ("val_accuracy", POINTS, ".2f", "%")):
            kept, best, whole = (
                epochs.loc[zip(rows["training"], rows["seed"], chosen, strict=True), name].to_numpy() * factor
                for chosen in (rows["kept_epoch"], rows["best_epoch"], last)
            )
            for column, values in (("kept", kept), ("best", best), ("last", whole)):
                change = spread(values - kept)
                cells[f"{column}_{name}"] = f"{values.mean():{form}}{percent}"
                text = f"{change.mean:+z{form}} ± {change.high - change.mean:{form}}"
                cells[f"{column}_{name}_change"] = text.replace("-", "\N{MINUS SIGN}")
        table[training].append(cells)
    return table


def labels(texts: Mapping[str, str], key: str = "datum.value") -> str:
    """Return a Vega expression that looks up the text of a key."""
    return f"{json.dumps(texts, ensure_ascii=False)}[{key}]"


def menu(name: str, value: str, options: Mapping[str, str], label: str) -> alt.Parameter:
    """Return a parameter that the reader sets in a menu: key -> text."""
    bind = alt.binding_select(options=list(options), labels=list(options.values()), name=label)
    return alt.param(name, value, bind=bind)


def slider(name: str, value: int, highest: int, label: str) -> alt.Parameter:
    """Return a parameter that the reader sets with a slider from 1 up."""
    return alt.param(name, value, bind=alt.binding_range(min=1, max=highest, step=1, name=label))


def legend(texts: Mapping[str, str], **options: Any) -> alt.Legend:  # noqa: ANN401
    """Return a legend above the chart."""
    return alt.Legend(title=None, orient="top", values=list(texts), labelExpr=labels(texts), labelLimit=0, **options)


def color(texts: Mapping[str, str] | None = None) -> alt.Color:
    """Return the colors of the trainings, with a legend if there are texts for it."""
    scale = alt.Scale(domain=list(WHOLE), range=COLORS[: len(WHOLE)])
    line = {"symbolType": "stroke", "symbolStrokeWidth": 4, "symbolOpacity": 1}
    return alt.Color("training:N", scale=scale, legend=legend(texts, **line) if texts else None)


def epoch_axis(words: Words, last: int) -> alt.X:
    """Return the axis of the epochs."""
    axis = alt.Axis(values=[1, *range(5, last + 1, 5)], grid=False)
    return alt.X("epoch:Q", title=words["epoch"], axis=axis, scale=alt.Scale(domain=[1, last], nice=False))


def tooltip(words: Words, **formats: str) -> list[alt.Tooltip]:
    """Return what a pointer over a mark shows: column -> format."""
    return [alt.Tooltip(f"{name}:Q", title=words[name], format=form) for name, form in formats.items()]


def trainings(words: Words, names: Iterable[str]) -> dict[str, str]:
    """Return the names of trainings in a language."""
    return {name: WHOLE[name].replace("dropout", words["dropout"]) for name in names}


def stopping_chart(found: pd.DataFrame, history: pd.DataFrame, words: Words) -> alt.LayerChart:
    """Draw the validation loss of each seed, the kept epoch, and where training ends."""
    curves = history.loc[history["training"].isin(WHOLE), ["training", "seed", "epoch", "val_loss"]]
    ends = found.assign(key=[f"{row.training} {row.seed} {row.patience}" for row in found.itertuples()])
    kinds = {kind: words[kind] for kind in ("kept_epoch", "epochs")}
    heights = alt.Scale(domain=[curves["val_loss"].min(), curves["val_loss"].max()], zero=False)
    shapes = alt.Scale(domain=list(kinds), range=["circle", "cross"])
    base = (
        alt.Chart(curves)
        .transform_filter("datum.training == training")
        .transform_calculate(key="datum.training + ' ' + datum.seed + ' ' + patience")
        .transform_lookup("key", alt.LookupData(ends, "key", list(kinds)))
        .encode(
            epoch_axis(words, int(curves["epoch"].max())),
            alt.Y("val_loss:Q", title=words["val_loss"], scale=heights),
            alt.Detail("seed:N"),
            tooltip=tooltip(words, seed="", epoch="", val_loss=".3f"),
        )
    )

    def points(kind: str, size: int) -> alt.Chart:
        """Draw one epoch of each seed."""
        chosen = base.transform_filter(f"datum.epoch == datum.{kind}").transform_calculate(kind=f"'{kind}'")
        shape = alt.Shape("kind:N", scale=shapes, legend=legend(kinds, symbolSize=110, symbolFillColor="#5c5866"))
        return chosen.mark_point(filled=True, size=size, opacity=1, stroke="white").encode(color(), shape)

    return (
        alt.layer(
            base.mark_line(color=GREY, strokeWidth=1),
            base.transform_filter("datum.epoch <= datum.epochs").mark_line(strokeWidth=1.5).encode(color()),
            points("epochs", 90),
            points("kept_epoch", 110),
        )
        .add_params(
            menu("training", "adam-20", trainings(words, WHOLE), words["training"]),
            slider("patience", 2, PATIENCES[-1], words["patience"]),
        )
        .properties(width="container", height=360, description=words["about stopping"])
    )


def gap_chart(values: Values, design: Study, history: pd.DataFrame, words: Words) -> alt.LayerChart:
    """Draw both losses with and without dropout, up to an epoch that the reader chooses, and their distance there."""
    parts, by_epoch = ("loss", "val_loss"), history[history["training"].isin(GAPS)].groupby(["training", "epoch"])
    means = pd.DataFrame(
        [(training, part, epoch, *spread(rows[part])) for (training, epoch), rows in by_epoch for part in parts],
        columns=["training", "part", "epoch", *Spread._fields],
    )
    off = pd.DataFrame(
        [
            (training, design.trainings[name].epochs, *spread(values[name]["loss"]))
            for training, names in GAPS.items()
            for name in names
        ],
        columns=["training", "epoch", *Spread._fields],
    )
    gaps = means.pivot(index=["training", "epoch"], columns="part", values="mean").reset_index()
    gaps["middle"], gaps["gap"] = (gaps["loss"] + gaps["val_loss"]) / 2, gaps["val_loss"] - gaps["loss"]
    last = int(means["epoch"].max())
    y = alt.Y("mean:Q", title=words["losses"], scale=alt.Scale(zero=False))
    dash = alt.StrokeDash(
        "part:N",
        scale=alt.Scale(domain=parts, range=[[1, 0], [5, 3]]),
        legend=legend({part: words[part] for part in parts}),
    )
    encoded = [epoch_axis(words, last), color(trainings(words, GAPS))]
    until = alt.Chart(means).transform_filter("datum.epoch <= epoch").encode(*encoded)
    at = alt.Chart(gaps).transform_filter("datum.epoch == epoch").encode(*encoded)
    bars = [
        at.transform_filter(f"datum.training == '{name}'").mark_rule(strokeWidth=6, xOffset=10 * place)
        for place, name in enumerate(GAPS, 1)
    ]
    beside = {"align": "left", "xOffset": 10 * (len(bars) + 1), "fontSize": 19, "fontWeight": "bold"}
    shown = tooltip(words, epoch="", mean=".3f", low=".3f", high=".3f")
    return (
        alt.layer(
            # nothing to see: the axes and the room for numbers stay as they are while the reader moves the slider
            alt.Chart(means).mark_text(text="0.000", opacity=0, aria=False, **beside).encode(encoded[0], y),
            until.mark_area(opacity=0.2).encode(alt.Y("low:Q"), alt.Y2("high:Q"), alt.Detail("part:N")),
            until.mark_line(strokeWidth=2).encode(y, dash, tooltip=shown),
            *(bar.encode(alt.Y("loss:Q"), alt.Y2("val_loss:Q")) for bar in bars),
            at.mark_text(**beside).encode(alt.Y("middle:Q"), alt.Text("gap:Q", format=".3f")),
            alt.Chart(off)
            .transform_filter("datum.epoch <= epoch")
            .mark_point(shape="square", filled=True, size=80, opacity=1, stroke="white")
            .encode(*encoded, y, tooltip=shown),
        )
        .add_params(slider("epoch", last, last, words["epoch"]))
        .properties(width="container", height=340, description=words["about gap"])
    )


def effect_chart(grid: Grid, found: list[Effect], words: Words) -> alt.LayerChart:
    """Draw the effect of dropout over the number of training images, of one network among all."""
    cells = {
        f"{name} {written(rate)}": f"{getattr(subject.title, words['language'])}, {words['dropout']} {written(rate)}"
        for name, subject in grid.networks.items()
        for rate in subject.rates
    }
    rows = []
    for claim, cell, comparison in found:
        if not claim.early_stopping:
            unit = POINTS if claim.pays == "higher" else 1
            difference = {part: getattr(comparison.difference, part) * unit for part in ("mean", "low", "high")}
            key = {"cell": f"{cell.network} {written(cell.dropout)}", "network": cell.network, "measure": claim.value}
            rows.append(key | {"images": cell.images, "significant": comparison.is_significant} | difference)
    measures = {row["measure"]: words[row["measure"]] for row in rows}
    titles = {measure: words["lower" if measure.endswith("loss") else "higher"] for measure in measures}
    ticks = sorted({row["images"] for row in rows})
    x = alt.X("images:Q", title=words["images"], axis=alt.Axis(values=ticks, grid=False, format=","))
    x = x.scale(type="log", domain=[ticks[0] * 0.8, ticks[-1] * 1.25], nice=False)
    y = alt.Y("mean:Q", title=None)
    networks = alt.Scale(domain=list(grid.networks), range=COLORS[len(WHOLE) :][: len(grid.networks)])
    hue = alt.Color("network:N", scale=networks, legend=None)
    base = alt.Chart(pd.DataFrame(rows)).transform_filter("datum.measure == measure")
    shown = tooltip(words, images=",", mean="+.3f", low="+.3f", high="+.3f")
    chosen = base.transform_filter("datum.cell == cell").encode(x, hue, tooltip=shown)
    fill = alt.when("datum.significant").then(hue).otherwise(alt.value("white"))
    return (
        alt.layer(
            # nothing to see: the axis has room for the intervals of all networks
            base.mark_rule(opacity=0, aria=False).encode(x, alt.Y("low:Q"), alt.Y2("high:Q")),
            base.mark_line(color=GREY, strokeWidth=1).encode(x, y, alt.Detail("cell:N")),
            alt.Chart().mark_rule(color="#222222", aria=False).encode(y=alt.datum(0)),
            chosen.mark_line(strokeWidth=2).encode(y),
            chosen.mark_rule(strokeWidth=2).encode(alt.Y("low:Q"), alt.Y2("high:Q")),
            chosen.mark_point(size=110, strokeWidth=2, opacity=1).encode(y, fill=fill),
        )
        .add_params(
            menu("cell", next(iter(cells)), cells, words["network"]),
            menu("measure", next(iter(measures)), measures, words["measure"]),
        )
        .properties(width="container", height=320, description=words["about effect"])
        .properties(title=alt.TitleParams(alt.expr(labels(titles, "measure")), anchor="start"))
    )


def main() -> None:
    """study/notes/{history,trainings}.csv, study/sizes/{dense,cnn}.csv -> study/explore.html."""
    design, history, grid = read_design(), read_table(HISTORY), read_grid()
    values = values_of(design, read_table(TRAININGS), history)
    found, differences = outcomes(design, history), effects(grid, load_values(grid))
    charts: dict[str, dict[str, Any]] = {}
    datasets: dict[str, Any] = {}  # both languages show the same
    for number, language in enumerate(WORDS["language"]):
        words = {name: texts[number] for name, texts in WORDS.items()}
        drawn = {
            "stopping": stopping_chart(found, history, words),
            "gap": gap_chart(values, design, history, words),
            "effect": effect_chart(grid, differences, words),
        }
        charts[language] = {name: chart.to_dict() for name, chart in drawn.items()}
        for chart in charts[language].values():
            datasets |= chart.pop("datasets")
    bundle = vl_convert.javascript_bundle()
    html = render(
        TEMPLATE,
        bundle=bundle,
        charts=charts,
        datasets=datasets,
        numbers=numbers(found, history),
        seeds=design.seeds,
        gap={name: values[name]["gap"].mean() for name in GAPS},
    )
    with outputs() as begin:
        begin(PAGE).write_text(html, encoding="utf-8")
    print(f"{PAGE}: {len(html.encode()):,} bytes")


if __name__ == "__main__":
    run(main)
