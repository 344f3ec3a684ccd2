"""Measure the kept model on training, validation and test images; check that saving and loading lost nothing."""

from pathlib import Path

from stages.base.files import save_csv, save_json
from stages.base.inputs import PREPARED_WITH, TRAINED_WITH, Inputs, check_made_with
from stages.base.process import outputs, run
from stages.data.images import PREPARED, load_images
from stages.evaluation.results import Evaluation, MeasuredOnTest, Prediction, predictions_of
from stages.evaluation.scores import (
    ClassScores,
    ReliabilityBin,
    expected_calibration_error,
    macro_f1,
    per_class,
    reliability,
)

BEST_MODEL, WHOLE_MODEL = Path("models/best-model.keras"), Path("models/model_whole.keras")


def main() -> None:
    """Read models/ and data/prepared/; write metrics/evaluation.json and three tables in plots/."""
    inputs = Inputs("evaluate")
    params = inputs.params
    check_made_with(PREPARED_WITH, params)
    check_made_with(TRAINED_WITH, params)
    train = load_images(PREPARED, "train")
    val = load_images(PREPARED, "val")
    test = load_images(PREPARED, "test")

    from stages.evaluation.saved_models import (
        check_network,
        check_saved_models,
        have_equal_weights,
        load_model,
        load_weights,
        measure,
        measure_and_predict,
        size_of,
    )
    from stages.training.model import compiled_model

    rebuilt = compiled_model(val, params)
    load_weights(rebuilt, Path("models/model.weights.h5"))
    best, whole = load_model(BEST_MODEL, val), load_model(WHOLE_MODEL, val)
    check_network(BEST_MODEL, best, rebuilt)
    check_network(WHOLE_MODEL, whole, rebuilt)
    validation = check_saved_models(whole, rebuilt, val)
    right = round(validation.accuracy * len(val.labels))
    print(f"save and load agree: argmax and accuracy both {right} of {len(val.labels)} validation images")

    if have_equal_weights(best, whole):  # the default: then validation is measured already
        best = whole
    else:
        validation = measure(best, val)
    training = measure(best, train)
    on_test, probabilities = measure_and_predict(best, test)
    scores = per_class(test.labels, probabilities.argmax(axis=-1))
    bins = reliability(probabilities, test.labels)
    more = {"macro_f1": macro_f1(scores.values()), "ece": expected_calibration_error(bins)}
    evaluation = Evaluation(
        training=training,
        validation=validation,
        test=MeasuredOnTest(**on_test.model_dump(), **more),
        model=size_of(best),
    )
    with outputs(inputs) as begin:
        save_json(begin(Path("metrics/evaluation.json")), evaluation.model_dump(exclude_none=True))
        save_csv(begin(Path("plots/predictions.csv")), Prediction._fields, predictions_of(probabilities, test))
        rows = ([test.classes[label], *score] for label, score in scores.items())
        save_csv(begin(Path("plots/per_class.csv")), ["class", *ClassScores._fields], rows)
        save_csv(begin(Path("plots/reliability.csv")), ReliabilityBin._fields, bins)
    for name, measured in (("training", training), ("validation", validation), ("test", on_test)):
        print(f"{name}: loss {measured.loss:.4f}, accuracy {measured.accuracy:.4f}")


if __name__ == "__main__":
    run(main)
