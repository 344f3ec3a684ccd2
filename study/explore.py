"""Write study/explore.html, a page to try early stopping and dropout on the recorded trainings: `make explore`.

Its picture in the README is a screenshot:
chromium --headless --hide-scrollbars --window-size=900,900 --screenshot=study/explore.png study/explore.html
"""

from pathlib import Path

import altair as alt
import pandas as pd
import vl_convert

from seeds.statistics import Spread, spread
from stages.base.params import written
from stages.base.process import outputs, run
from stages.report.pages import render
from stages.report.style import KEPT, NETWORKS, TRAININGS
from study.notes.findings import HISTORY
from study.sizes.effects import Effect, effects_of, load_values
from study.sizes.grid import Grid, read_grid
from study.stopping import stop_early

PAGE, TEMPLATE = Path("study/explore.html"), Path("study/explore.html.jinja")
# The trainings that nothing stopped, in the order of their colors. The charts have the same words in both languages.
NAMES = {"rmsprop-20": "RMSprop", "adam-20": "Adam", "dropout-20": "Adam, dropout 0.3"}
COLORS = {name: style["color"] for name, style in zip(NAMES.values(), TRAININGS, strict=True)}
GREY = "#c8c8c8"
EPOCH = alt.X("epoch:Q").scale(zero=False, nice=False).axis(values=[1, 5, 10, 15, 20], grid=False)
PATIENCES = range(1, 20)  # the last one stops none of the 20 epochs, even if the first is the best


def read_history() -> pd.DataFrame:
    """Return the epochs of the trainings that nothing stopped, under the names of the charts."""
    history = pd.read_csv(HISTORY)
    return history.assign(training=history["training"].map(NAMES)).dropna(subset="training")


def results_of(history: pd.DataFrame) -> pd.DataFrame:
    """Return what Keras's EarlyStopping does to each training, seed and patience."""
    return pd.DataFrame(
        {"training": training, "seed": seed, "patience": patience}
        | stop_early(epochs.to_dict("list"), "val_loss", patience)
        for (training, seed), epochs in history.groupby(["training", "seed"])
        for patience in PATIENCES
    )


def texts_of(results: pd.DataFrame) -> dict[str, list[dict[str, str]]]:
    """Return the table beside the first chart: training -> [patience - 1] -> id of a cell -> mean over seeds."""
    means = results.groupby(["training", "patience"]).mean()
    texts: dict[str, list[dict[str, str]]] = {}
    for training in NAMES.values():
        unstopped = means.loc[training, PATIENCES[-1]]
        texts[training] = [
            {
                "epochs": f"{stopped['epochs']:.1f}",
                "saved": f"{unstopped['epochs'] - stopped['epochs']:.1f}",
                "kept_val_loss": f"{stopped['kept_val_loss']:.3f}",
                "kept_val_accuracy": f"{stopped['kept_val_accuracy']:.2%}",
                "best_val_loss": f"{unstopped['kept_val_loss']:.3f}",
                "best_val_accuracy": f"{unstopped['kept_val_accuracy']:.2%}",
                "last_val_loss": f"{unstopped['last_val_loss']:.3f}",
                "last_val_accuracy": f"{unstopped['last_val_accuracy']:.2%}",
            }
            for _, stopped in means.loc[training].iterrows()
        ]
    return texts


def stopping_chart(history: pd.DataFrame, results: pd.DataFrame) -> alt.LayerChart:
    """Draw the validation loss of each seed, the kept epoch, and the end of training."""
    epochs = history.merge(results, on=["training", "seed"]).query("epoch <= epochs")
    # `patience` becomes the lowest one with which training reaches the epoch
    curves = epochs.groupby(["training", "seed", "epoch"], as_index=False).agg({"val_loss": "first", "patience": "min"})
    training = alt.param(
        "training", value="Adam", bind=alt.binding_select(options=list(NAMES.values()), name="training")
    )
    patience = alt.param(
        "patience", value=2, bind=alt.binding_range(min=PATIENCES[0], max=PATIENCES[-1], step=1, name="patience")
    )
    color = alt.Color("training:N", legend=None).scale(domain=list(COLORS), range=list(COLORS.values()))
    lines = (
        alt.Chart(curves)
        .transform_filter(alt.datum.training == training)
        .encode(EPOCH, alt.Y("val_loss:Q").scale(zero=False), alt.Detail("seed:N"))
    )
    points = alt.Chart(results).transform_filter((alt.datum.training == training) & (alt.datum.patience == patience))
    return (
        alt.layer(
            lines.mark_line(color=GREY, strokeWidth=1),
            lines.mark_line(strokeWidth=1.5).transform_filter(alt.datum.patience <= patience).encode(color),
            points.mark_point(shape="cross", size=140, filled=True, opacity=1, stroke="white").encode(
                alt.X("epochs:Q", title="epoch"), alt.Y("last_val_loss:Q", title="val_loss"), color
            ),
            points.mark_point(size=110, filled=True, opacity=1, stroke="white", color=KEPT["color"]).encode(
                alt.X("kept_epoch:Q", title="epoch"), alt.Y("kept_val_loss:Q", title="val_loss")
            ),
        )
        .add_params(training, patience)
        .properties(width="container", height=360)
    )


def curves_chart(history: pd.DataFrame) -> alt.LayerChart:
    """Draw both losses with and without dropout: means over seeds with 95% intervals."""
    trainings = [NAMES["adam-20"], NAMES["dropout-20"]]
    rows = [
        (training, metric, epoch, *spread(seeds[metric]))
        for (training, epoch), seeds in history.groupby(["training", "epoch"])
        if training in trainings
        for metric in ("loss", "val_loss")
    ]
    means = pd.DataFrame(rows, columns=["training", "metric", "epoch", *Spread._fields])
    scale = alt.Scale(domain=trainings, range=[COLORS[name] for name in trainings])
    color = alt.Color("training:N", title=None, scale=scale).legend(symbolOpacity=1, symbolType="stroke")
    base = alt.Chart(means).encode(EPOCH, color)
    return alt.layer(
        base.mark_area(opacity=0.2).encode(
            alt.Y("low:Q", title="loss").scale(zero=False), alt.Y2("high:Q"), alt.Detail("metric:N")
        ),
        base.mark_line().encode(alt.Y("mean:Q", title="loss"), alt.StrokeDash("metric:N", title=None)),
    ).properties(width="container", height=340)


def effect_chart(grid: Grid, differences: list[Effect]) -> alt.LayerChart:
    """Draw the effect of dropout on the best validation loss over the number of images, for a network and a rate."""
    rows = [
        {
            "setting": f"{cell.network}, dropout {written(cell.dropout)}",
            "network": cell.network,
            "images": cell.images,
            "significant": comparison.is_significant,
            **comparison.difference._asdict(),
        }
        for claim, cell, comparison in differences
        if claim.value == "kept_val_loss" and not claim.early_stopping
    ]
    settings = list(dict.fromkeys(row["setting"] for row in rows))
    setting = alt.param("setting", value=settings[0], bind=alt.binding_select(options=settings, name="network"))
    scale = alt.Scale(domain=list(grid.networks), range=[style["color"] for style in NETWORKS])
    color = alt.Color("network:N", scale=scale, legend=None)
    x = alt.X("images:O").axis(format=",", formatType="number", labelAngle=0)
    all_settings = alt.Chart(pd.DataFrame(rows)).encode(x, alt.Y("mean:Q", title="Δ val_loss"))
    one_setting = all_settings.transform_filter(alt.datum.setting == setting).encode(color)
    return (
        alt.layer(
            all_settings.mark_line(color=GREY, strokeWidth=1).encode(alt.Detail("setting:N")),
            alt.Chart().mark_rule(color="#222222", aria=False).encode(y=alt.datum(0)),
            one_setting.mark_line(),
            one_setting.mark_rule(strokeWidth=2).encode(alt.Y("low:Q"), alt.Y2("high:Q")),
            one_setting.mark_point(size=110, opacity=1).encode(
                fill=alt.when("datum.significant").then(color).otherwise(alt.value("white"))
            ),
        )
        .add_params(setting)
        .properties(width="container", height=320)
    )


def explore_page() -> str:
    """Return the page, from study/notes/history.csv and study/sizes/{dense,cnn}.csv."""
    history, grid = read_history(), read_grid()
    results = results_of(history)
    charts = {
        "stopping": stopping_chart(history, results),
        "curves": curves_chart(history),
        "effect": effect_chart(grid, effects_of(grid, load_values(grid))),
    }
    return render(
        TEMPLATE,
        bundle=vl_convert.javascript_bundle(),
        charts={name: chart.to_dict() for name, chart in charts.items()},
        texts=texts_of(results),
        seeds=history["seed"].nunique(),
    )


def main() -> None:
    """study/notes/history.csv, study/sizes/{dense,cnn}.csv -> study/explore.html."""
    html = explore_page()
    with outputs() as begin:
        begin(PAGE).write_text(html, encoding="utf-8")
    print(f"{PAGE}: {len(html.encode()):,} bytes")


if __name__ == "__main__":
    run(main)
