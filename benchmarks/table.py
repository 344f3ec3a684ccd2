"""The table of the benchmark: what was measured, beside what it is measured against, and the targets."""

import statistics
from collections.abc import Sequence
from typing import Any

from benchmarks.rounds import (
    CNN,
    CNN_FLOOR,
    CNN_UNLIMITED,
    DROPOUT,
    EXPERIMENTS,
    IMPORTS,
    MAKE_NOTHING,
    PATIENCE,
    PLAIN,
    PLAIN_CNN,
    REPRO,
    REPRO_NOTHING,
    SWEEP,
    TRAIN,
    UNLIMITED,
    Samples,
    Settings,
    growth,
    imports,
)

MB = 1e6


def spread(values: Sequence[float]) -> dict[str, float]:
    """The median of the rounds, and between what they lie."""
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def row(
    name: str,
    unit: str,
    ours: Sequence[float],
    beside: Sequence[float] | None = None,
    beside_name: str | None = None,
    *,
    ratio_at_most: float | None = None,
    at_most: float | None = None,
) -> dict[str, Any]:
    """One row; the ratio is of the medians. The target, if any, is one of the ratio or of our median."""
    median = statistics.median(ours)
    ratio = median / statistics.median(beside) if beside else None
    target = reached = None
    if ratio_at_most is not None:
        target, reached = f"at most {ratio_at_most:g} of it", ratio <= ratio_at_most
    elif at_most is not None:
        target, reached = f"at most {at_most:g} {unit}", median <= at_most
    return {
        "name": name,
        "unit": unit,
        "ours": spread(ours),
        "beside": spread(beside) if beside else None,
        "beside_name": beside_name,
        "ratio": ratio,
        "target": target,
        "reached": reached,
    }


def rows(samples: Samples, factors: Sequence[int], has_avx512: bool) -> list[dict[str, Any]]:
    """Every row of the table."""
    of_cnn = "an epoch of cnn, with validation"
    once, most, times = growth(1), growth(factors[-1]), f"{factors[-1]}x"
    cnn, one_by_one = growth(1, CNN), [EXPERIMENTS * each for each in samples.seconds[DROPOUT]]
    seconds, peak = samples.seconds, {name: [each / MB for each in values] for name, values in samples.peak.items()}
    # What patience=2 runs is what it must import; `dvc` is among the spans as what comes before the stages.
    imported = [sum(parts) for parts in zip(*(seconds[imports(part)] for part in samples.spans[PATIENCE]), strict=True)]
    added = [after - before for before, after in zip(peak[once], peak[most], strict=True)]
    data_added = (samples.data[most]["data_bytes"] - samples.data[once]["data_bytes"]) / MB
    proportional = [factors[-1] * each for each in samples.epoch[once]]

    def whole(name: str, **target: float) -> dict[str, Any]:
        return row(name, "s", seconds[name], seconds[PLAIN], PLAIN, **target)

    def memory(name: str, **target: float) -> dict[str, Any]:
        return row(f"peak memory: {name}", "MB", peak[name], peak[PLAIN], PLAIN, **target)

    return [
        row("an epoch with validation", "s", samples.epoch[once], samples.epoch[PLAIN], PLAIN, ratio_at_most=0.2),
        row("the first epoch, which traces", "s", samples.first_epoch[once], samples.first_epoch[PLAIN], PLAIN),
        whole(TRAIN),
        whole(REPRO, ratio_at_most=0.4),
        whole(DROPOUT),
        whole(PATIENCE),
        row(PATIENCE, "s", seconds[PATIENCE], imported, "its imports alone", ratio_at_most=1),
        row(SWEEP, "s", seconds[SWEEP], one_by_one, f"{EXPERIMENTS} times {DROPOUT}"),
        row(REPRO_NOTHING, "s", seconds[REPRO_NOTHING]),
        row(MAKE_NOTHING, "s", seconds[MAKE_NOTHING], at_most=1.5),
        row("an epoch with validation", "s", samples.epoch[once], samples.floor["epoch"], "its floor"),
        row("an epoch with validation", "s", samples.epoch[once], samples.epoch[UNLIMITED],
            "without the limit to AVX2"),
        row(of_cnn, "s", samples.epoch[cnn], samples.epoch[PLAIN_CNN], PLAIN_CNN,
            ratio_at_most=1.15 if has_avx512 else 1),  # there it may take longer by what the limit costs
        row(of_cnn, "s", samples.epoch[cnn], samples.floor[f"{CNN_FLOOR} epoch"], "its floor"),
        row(of_cnn, "s", samples.epoch[cnn], samples.epoch[CNN_UNLIMITED], "without the limit to AVX2"),
        row(f"peak memory: {CNN}", "MB", peak[cnn], peak[PLAIN_CNN], PLAIN_CNN),
        row(f"an epoch on {times} the images", "s", samples.epoch[most], proportional, f"{times} an epoch",
            ratio_at_most=1.1),
        memory(TRAIN, ratio_at_most=0.55),
        *(memory(name) for name in (REPRO, DROPOUT, PATIENCE, REPRO_NOTHING, MAKE_NOTHING)),
        row(f"memory that {times} the images add", "MB", added, [data_added], "the data they add",
            ratio_at_most=1),
    ]  # fmt: skip


def growth_rows(samples: Samples, names: dict[int, str]) -> list[dict[str, Any]]:
    """Time and memory of an epoch, and the data's own bytes, for 1x the images and more."""
    return [
        {
            "times": factor,
            "images": samples.data[name]["images"],
            "data_mb": samples.data[name]["data_bytes"] / MB,
            "seconds_an_epoch": spread(samples.epoch[name]),
            "peak_mb": spread([each / MB for each in samples.peak[name]]),
        }
        for factor, name in names.items()
    ]


def span_rows(samples: Samples) -> list[dict[str, Any]]:
    """Where the seconds of the dvc runs go, part by part, beside the part's imports alone."""
    return [
        {
            "part": part,
            "imports": statistics.median(samples.seconds[imports(part)]),
            **{
                name: statistics.median(samples.spans[name][part]) if part in samples.spans[name] else None
                for name in (REPRO, DROPOUT, PATIENCE)
            },
        }
        for part in IMPORTS
    ]


def results(samples: Samples, settings: Settings, quick: bool, machine: dict[str, Any]) -> dict[str, Any]:
    """All of it, ready for JSON."""
    floor = {name: statistics.median(values) for name, values in samples.floor.items()}
    trained, swept = EXPERIMENTS * settings.epochs, statistics.median(samples.seconds[SWEEP])
    an_epoch = statistics.median(samples.epoch[growth(1)])
    return {
        "quick": quick,
        "runs": settings.runs,
        "epochs": settings.epochs,
        "machine": machine,
        "rows": rows(samples, settings.factors, machine["class of processor"] == "x86_64_v4"),
        "cnn_images": settings.cnn_images,
        "floor": {
            "products": floor["epoch"] - floor["adam"],
            "adam": floor["adam"],
            "share_reached": floor["epoch"] / an_epoch,
        },
        "sweep": {
            "epochs": trained,
            "epochs_a_minute": 60 * trained / swept,
            "share": trained * an_epoch / (swept * machine["cores"]),
        },
        "growth": growth_rows(samples, {factor: growth(factor) for factor in settings.factors}),
        "growth_of_cnn": growth_rows(samples, {factor: growth(factor, CNN) for factor in settings.cnn_factors}),
        "spans": span_rows(samples),
    }
