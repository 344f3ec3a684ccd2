"""Measure the kept model on training, validation and test images, check that saving and loading lost nothing."""

from pathlib import Path

import numpy as np

from stages.base.files import save_csv, save_json
from stages.base.inputs import Inputs, hold
from stages.base.process import outputs, run
from stages.data.images import load_images
from stages.evaluation.results import Prediction, evaluation_of, tables_of
from stages.evaluation.scores import ClassScores, ReliabilityBin

BEST_MODEL, WHOLE_MODEL = Path("models/best-model.keras"), Path("models/model_whole.keras")


def main() -> None:
    """models/, data/prepared/ -> metrics/evaluation.json, tables in plots/."""
    inputs = Inputs("evaluate")
    params = inputs.params
    hold(Path("data/prepared/inputs.json"), inputs)
    hold(Path("models/inputs.json"), inputs)
    train = load_images(Path("data/prepared/train.npz"))
    val = load_images(Path("data/prepared/val.npz"))
    test = load_images(Path("data/prepared/test.npz"))

    from stages.evaluation.saved_models import (
        check_described,
        check_saved_models,
        have_equal_weights,
        load_model,
        load_weights,
        measure,
        size_of,
    )
    from stages.training.model import compiled_model

    rebuilt = compiled_model(val, params)
    load_weights(rebuilt, Path("models/model.weights.h5"))
    saved = {path: load_model(path, val) for path in (BEST_MODEL, WHOLE_MODEL)}
    for path, model in saved.items():
        check_described(path, model, rebuilt, rate_falls=params.lr_patience is not None)
    measured = {"validation": check_saved_models(saved[WHOLE_MODEL], rebuilt, val)}
    right = round(measured["validation"].accuracy * len(val.labels))
    print(f"save and load agree: argmax and accuracy both {right} of {len(val.labels)} validation images")

    best = saved[BEST_MODEL]
    if have_equal_weights(best, saved[WHOLE_MODEL]):  # as by default: validation is measured already
        best = saved[WHOLE_MODEL]
    else:
        measured["validation"] = measure(best, val)
    measured["training"] = measure(best, train)
    probabilities = np.empty((len(test.labels), len(test.classes)), np.float32)
    measured["test"] = measure(best, test, out=probabilities)
    tables = tables_of(probabilities, test)
    evaluation = evaluation_of(size_of(best), measured, tables.reliability, probabilities.argmax(axis=-1), test.labels)
    by_class = ([name, *score] for name, score in tables.per_class.items())
    with outputs(inputs.stop_if_changed) as begin:
        save_json(begin(Path("metrics/inputs.json")), inputs.record())
        save_json(begin(Path("metrics/evaluation.json")), evaluation.model_dump())
        save_csv(begin(Path("plots/predictions.csv")), Prediction._fields, tables.predictions)
        save_csv(begin(Path("plots/per_class.csv")), ["class", *ClassScores._fields], by_class)
        save_csv(begin(Path("plots/reliability.csv")), ReliabilityBin._fields, tables.reliability)
    for name in ("training", "validation", "test"):
        print(f"{name}: loss {measured[name].loss:.4f}, accuracy {measured[name].accuracy:.4f}")


if __name__ == "__main__":
    run(main)
