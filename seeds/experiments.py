"""Read DVC's experiments as trainings: `dvc exp show --csv > experiments.csv`."""

from pathlib import Path

import pandas as pd
import yaml

from seeds.training import MEASURED
from stages.base.errors import UserError, one_line
from stages.base.params import DataParams, Params, TrainingParams, in_words, written
from stages.base.yaml_files import checked

# The columns of MEASURED in metrics/evaluation.json.
NAMES = [f"{part}.{metric}" for part in ("training", "validation", "test") for metric in ("loss", "accuracy")]
VERSIONS = ("platform", "cpu", "gpu", "keras", "numpy", "tensorflow")


def read_experiments(path: Path, committed: Params) -> tuple[pd.DataFrame, str, list[str]]:
    """Read the experiments that succeeded, on the images of the committed parameters.

    Args:
        path: what `dvc exp show --csv` printed.
        committed: the parameters of the baseline.

    Returns:
        A row per training with the columns `setting`, `seed` and those of `seeds.training.Result.row`; the name of the
        committed setting; a line for each group of experiments that was left out.

    Raises:
        UserError: the file is not such a table, or no experiment has the committed parameters.
    """
    notes = []
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
        table = table[table["typ"].str.startswith("branch")]  # the other rows are commits and the workspace
        if "State" in table.columns:  # DVC shows a failed experiment with the metrics of its baseline
            succeeded = table["State"].isin(["", "Success"])
            notes += [f"left out, failed, queued or running: {(~succeeded).sum()} experiments"] * (not succeeded.all())
            table = table[succeeded]
        # Names that two files share have the file before them: params.yaml:epochs, metrics/train.json:epochs.
        params = table[[_column(table, "params.yaml", name) for name in Params.model_fields]]
        params.columns = list(Params.model_fields)
        measured = table[[_column(table, "metrics/train.json", "epochs"), "best_epoch", *NAMES]].astype(float)
        measured.columns = ["epochs", "kept_epoch", *MEASURED]
        trained = table[_column(table, "metrics/train.json", "val_loss")].astype(float)
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"{path}: not a table of `dvc exp show --csv`: {one_line(error)}") from error
    rows = ({name: yaml.safe_load(value) for name, value in row.items()} for row in params.to_dict("records"))
    settings = {row: checked(values, Params, path) for row, values in zip(table.index, rows, strict=True)}
    of_code = [name for name in table.columns if name.startswith("stages/") or name in VERSIONS]
    version = table[of_code].agg("|".join, axis=1)
    images = committed.model_dump(include=set(DataParams.model_fields))
    reasons = {
        "not all of their stages were run": trained != measured["val_loss"],
        "other images": pd.Series(
            {row: each.model_dump(include=images.keys()) != images for row, each in settings.items()}, dtype=bool
        ),
        "other code or packages": version != version.mode().get(0, ""),
    }
    kept = pd.Series(True, table.index)
    for reason, is_so in reasons.items():
        if count := int((kept & is_so).sum()):
            notes.append(f"left out, {reason}: {count} experiments")
        kept = kept & ~is_so
    varied = [
        name
        for name in TrainingParams.model_fields
        if name != "seed" and any(getattr(settings[row], name) != getattr(committed, name) for row in table.index[kept])
    ]
    frame = measured[kept].assign(
        **{name: [written(getattr(settings[row], name), "") for row in table.index[kept]] for name in varied},
        seed=[settings[row].seed for row in table.index[kept]],
        setting=[in_words(settings[row], varied) for row in table.index[kept]],
    )
    baseline = in_words(committed, varied)
    if baseline not in set(frame["setting"]):
        raise UserError(
            f"{path}: no experiment has the committed parameters ({baseline}), to which others are compared"
        )
    return frame.drop_duplicates(["setting", "seed"]), baseline, notes


def _column(table: pd.DataFrame, file: str, name: str) -> str:
    return f"{file}:{name}" if f"{file}:{name}" in table.columns else name
