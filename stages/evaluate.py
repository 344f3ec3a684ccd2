"""Measure the kept model on training, validation and test images; check that the saved files agree."""

from pathlib import Path

from stages.base.files import save_csv, save_json
from stages.base.inputs import Inputs, check_made_with
from stages.base.process import outputs, run
from stages.data.images import PREPARED, load_images
from stages.evaluation.results import PREDICTION, Evaluation, MeasuredOnTest
from stages.evaluation.scores import ClassScores, ReliabilityBin, calibration, macro_f1, per_class, reliability


def main() -> None:
    """Read models/ and data/prepared/; write metrics/evaluation.json and three tables in plots/."""
    inputs = Inputs("evaluate")
    params = inputs.params
    check_made_with(params)
    train = load_images(PREPARED, "train")
    val = load_images(PREPARED, "val")
    test = load_images(PREPARED, "test")

    from stages.evaluation.saved_models import (
        check_saved_models,
        load_model,
        load_weights,
        measure,
        measure_and_predict,
        size_of,
    )
    from stages.training.model import compiled_model

    rebuilt = compiled_model(val, params)
    load_weights(rebuilt, Path("models/model.weights.h5"))
    best, whole = load_model(Path("models/best-model.keras"), val), load_model(Path("models/model_whole.keras"), val)
    both = check_saved_models(whole, rebuilt, val)
    print(f"both saved files classify {both.accuracy:.2%} of {len(val.labels):,} validation images correctly")

    training, validation = measure(best, train), measure(best, val)
    on_test, probabilities = measure_and_predict(best, test)
    predicted, confidence = probabilities.argmax(axis=-1), probabilities.max(axis=-1)  # [n]
    scores = per_class(test.labels, predicted)
    bins = reliability(probabilities, test.labels)
    more = {"macro_f1": macro_f1(scores.values()), "ece": calibration(bins).error}
    evaluation = Evaluation(
        training=training,
        validation=validation,
        test=MeasuredOnTest(**on_test.model_dump(), **more),
        model=size_of(best),
    )
    with outputs(inputs) as begin:
        save_json(begin(Path("metrics/evaluation.json")), evaluation.model_dump(exclude_none=True))
        predictions = zip(test.classes[test.labels], test.classes[predicted], confidence, strict=True)
        save_csv(begin(Path("plots/predictions.csv")), PREDICTION, predictions)
        rows = ([test.classes[label], *score] for label, score in scores.items())
        save_csv(begin(Path("plots/per_class.csv")), ["class", *ClassScores._fields], rows)
        save_csv(begin(Path("plots/reliability.csv")), ReliabilityBin._fields, bins)
    for name, measured in (("training", training), ("validation", validation), ("test", on_test)):
        print(f"{name}: loss {measured.loss:.4f}, accuracy {measured.accuracy:.4f}")


if __name__ == "__main__":
    run(main)
