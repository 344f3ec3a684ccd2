"""A few images that differ by their grey, and a run on them."""

import numpy as np

from stages.base.params import METRICS
from stages.data.images import Counts, Images
from stages.evaluation.results import Evaluation
from stages.evaluation.scores import ReliabilityBin, calibration
from stages.report.documents import Run
from stages.training.result import TrainingResult

LABELS = np.array([0, 1, 1, 0, 2], np.uint8)
TEST = Images(
    np.arange(5, dtype=np.uint8).reshape(5, 1, 1) * np.ones((1, 2, 2), np.uint8), LABELS, np.array(["a", "b", "c"])
)


def trained(epochs: int = 3, best_epoch: int = 1, stopped_epoch: int | None = None) -> TrainingResult:
    """Return the result of a training."""
    stopped = {"stopped_early": stopped_epoch is not None, "stopped_epoch": stopped_epoch}
    return TrainingResult(epochs=epochs, best_epoch=best_epoch, **stopped, **dict.fromkeys(METRICS, 0.0))


def small_run(predicted: np.ndarray = LABELS, test: Images = TEST, **changes: object) -> Run:
    """Return a run on five images; `data` and `params` are changed in part."""
    names = test.classes.tolist()
    measured = {"accuracy": 0.5, "loss": 1.25}
    data = {
        "dataset": "squares", "classes": len(names), "train": 48_000, "val": 2, "test": 5, "test_in_training": 0,
        "left_out": 0,
    }  # fmt: skip
    params = {
        "limit": None, "network": "dense", "hidden_units": 7, "dropout": 0.0, "optimizer": "adam", "monitor": "loss",
        "patience": None, "save_best_only": False, "seed": 1,
    }  # fmt: skip
    values = {
        "train": trained(epochs=1),
        "evaluation": Evaluation.model_validate(
            {
                "model": {"parameters": 12_345, "operations": 67_890},
                "training": measured,
                "validation": measured,
                "test": measured | {"macro_f1": 0.5, "ece": 0.1},
            }
        ),
        "scores": [{"class": name, "precision": 0.5, "recall": 0.5, "f1": 0.5, "support": 1_000} for name in names],
        "calibration": calibration([ReliabilityBin(0.6, 0.5, 0.4, 0.6, 10)]),
        "environment": {"cpu": "pdp11"},
    } | changes
    values["data"] = Counts.model_validate(data | changes.get("data", {}))
    values["params"] = params | changes.get("params", {})
    return Run(test, predicted, np.linspace(0.9, 0.95, len(test.labels)), **values)
