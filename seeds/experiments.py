"""Read DVC's experiments as trainings: `dvc exp show --csv > experiments.csv`."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import yaml

from seeds.training import MEASURED
from stages.base.errors import UserError, one_line
from stages.base.params import DataParams, Params, TrainingParams, in_words
from stages.base.yaml_files import checked

# The columns of MEASURED in metrics/evaluation.json.
NAMES = [f"{part}.{metric}" for part in ("training", "validation", "test") for metric in ("loss", "accuracy")]
VERSIONS = ("platform", "cpu", "gpu", "keras", "numpy", "tensorflow")


def read_experiments(path: Path, committed: Params) -> tuple[pd.DataFrame, str, list[str]]:
    """Read the experiments that succeeded, on the images of the committed parameters.

    Returns:
        A row per training with the columns `setting`, `seed` and those of `Result.row`; the name of the committed
        setting; a line for each reason for which experiments were left out.

    Raises:
        UserError: the file is not such a table, or no experiment has the committed parameters.
    """
    notes = []

    def without(table: pd.DataFrame, wrong: Sequence[bool], reason: str) -> pd.DataFrame:
        if count := sum(wrong):
            notes.append(f"left out {count} experiments: {reason}")
        return table[[not each for each in wrong]]

    measured = ["metrics/train.json:epochs", "best_epoch", *NAMES]
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
        table = table[table["typ"].str.startswith("branch")]  # the other rows are commits and the workspace
        if "State" in table.columns:  # DVC shows a failed experiment with the metrics of its baseline
            table = without(table, ~table["State"].isin(["", "Success"]), "failed, queued or running")
        # Names that two files share have the file before them: params.yaml:epochs, metrics/train.json:epochs.
        table.columns = table.columns.str.removeprefix("params.yaml:")
        table = table.astype(dict.fromkeys([*measured, "val_loss"], float))
        rows = table[list(Params.model_fields)].to_dict("records")
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"{path}: not a table of `dvc exp show --csv`: {one_line(error)}") from error
    values = ({name: yaml.safe_load(text) for name, text in row.items()} for row in rows)
    table["params"] = [checked(row, Params, path) for row in values]
    table = without(table, table["val_loss"] != table["validation.loss"], "not all of their stages ran")
    of_images = set(DataParams.model_fields)
    expected = committed.model_dump(include=of_images)
    other_images = [row.model_dump(include=of_images) != expected for row in table["params"]]
    table = without(table, other_images, "other images")
    of_code = [name for name in table.columns if name.startswith("stages/") or name in VERSIONS]
    code = list(table[of_code].itertuples(index=False, name=None))
    usual = max(code, key=code.count, default=None)
    table = without(table, [each != usual for each in code], "other code or packages")

    names = [name for name in TrainingParams.model_fields if name != "seed"]
    varied = [name for name in names if any(getattr(row, name) != getattr(committed, name) for row in table["params"])]
    frame = table[measured].set_axis(["epochs", "kept_epoch", *MEASURED], axis="columns")
    frame["seed"] = [row.seed for row in table["params"]]
    frame["setting"] = [in_words(row, varied) for row in table["params"]]
    baseline = in_words(committed, varied)
    if baseline not in set(frame["setting"]):
        raise UserError(f"{path}: no experiment has the committed parameters ({baseline}): run it too")
    return frame.drop_duplicates(["setting", "seed"]), baseline, notes
