"""The model's card: what it says is so, and the lines that it names load the model."""

import re
from pathlib import Path

import numpy as np
import pytest
import yaml

from stages.base.params import OF_A_FOLDER
from stages.data.images import Images, load_images
from stages.evaluation.results import load_scores
from stages.evaluation.scores import ClassScores, ReliabilityBin
from stages.report.documents import card
from tests.support.small import LABELS, small_run, trained
from tests.support.workspace import read_json

CARD = Path("models/CARD.md")


def tables(text: str) -> dict[str, list[str]]:
    """The cells of each row behind its first cell."""
    rows = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in re.findall(r"(?m)^\|.*\|$", text)]
    return {row[0]: row[1:] for row in rows}


def test_it_gives_the_results_of_the_run(complete):
    text, evaluation = CARD.read_text(encoding="utf-8"), read_json("metrics/evaluation.json")
    rows = tables(text)
    for metric in ("accuracy", "loss"):
        assert rows[metric] == [f"{evaluation[part][metric]:.4f}" for part in ("validation", "test")]
    assert rows["macro F1"] == ["", f"{evaluation['test']['macro_f1']:.4f}"]
    test = load_images(Path("data/prepared/test.npz"))
    images = np.bincount(test.labels)
    for name, score in load_scores(Path("plots/per_class.csv"), test).items():
        assert rows[name] == [*(f"{part:.3f}" for part in score[:3]), str(score.support)]
    assert f"the most frequent class each time would be right on {images.max()} of the 360 test images" in text
    assert "No test images" not in text
    assert f"right on {round(evaluation['test']['accuracy'] * len(test.labels))} of {len(test.labels)}" in text
    assert f"is {100 * evaluation['test']['ece']:.1f} %" in text
    data, train = read_json("metrics/data.json"), read_json("metrics/train.json")
    assert f"| | {data['train']:,} | {data['val']:,} | {data['test']:,} |" in text
    assert f"Epoch {train['best_epoch']} of {train['epochs']} is kept, the best by `val_loss`." in text


def test_it_gives_every_parameter_that_counts(complete):
    rows = tables(CARD.read_text(encoding="utf-8"))
    assert not rows.keys() & set(OF_A_FOLDER)
    for name, value in yaml.safe_load(Path("params.yaml").read_text(encoding="utf-8")).items():
        if name in OF_A_FOLDER:
            continue
        (said,) = rows[name]
        assert value is None if said == "none" else yaml.safe_load(said) == value, name


def test_its_three_lines_load_the_model_and_its_list_names_the_outputs(complete):
    text = CARD.read_text(encoding="utf-8")
    lines = [line.strip() for line in re.findall(r"(?m)^    (.+)$", text)]
    test = load_images(Path("data/prepared/test.npz"))
    found = {"images": test.images}
    exec("\n".join(lines[:3]), found)
    assert found["probabilities"].shape == (len(test.labels), 10)
    assert yaml.safe_load(lines[3]) == test.classes.tolist()
    accuracy = np.mean(found["probabilities"].argmax(axis=-1) == test.labels)
    assert accuracy == pytest.approx(read_json("metrics/evaluation.json")["test"]["accuracy"])


COLOURS = Images(np.zeros((5, 32, 32, 3), np.uint8), LABELS, np.array(["a|b", "c", "d"]))


def test_a_card_of_a_folder_of_images_says_where_they_are_and_what_is_wrong_with_them():
    text = card(
        small_run(
            test=COLOURS,
            train=trained(epochs=9, best_epoch=9),
            data={"dataset": "images", "test_in_training": 3, "left_out": 2},
            params={"image_dir": "data/mine", "color_mode": "rgb"},
        )
    )
    assert "an image of 32 x 32 pixels in colour" in text
    assert "folder `data/mine`, stretched to a square, rgb. Their license is not known here" in text
    assert "for pixel: 3. Files left out, since they are no pictures of a class: 2." in text
    assert "uint8 [n, 32, 32, 3]" in text
    assert "Dropout" not in text
    assert "Epoch 9 of 9 is kept.\n" in text
    assert "A photograph must look like the data" not in text
    assert tables(text)[r"a\|b"] == [*["0.500"] * 3, "1,000"]
    assert yaml.safe_load(text.split("---")[1]) == {
        "license": "other", "library_name": "keras", "pipeline_tag": "image-classification",
    }  # fmt: skip


def test_a_class_without_test_images_is_named_and_has_no_row():
    run = small_run(data={"untested": ["b", "c"]}, scores={"a": ClassScores(0.5, 0.5, 0.5, 5)})
    assert "\n\nNo test images, so no score and in no mean: b, c.\n" in card(run)
    assert not {"b", "c"} & tables(card(run)).keys()
    assert '["a", "b", "c"]' in card(run)


def test_it_rounds_the_share_that_is_right_from_the_counts():
    """Of 8,685 of 10,000, float32 makes 86.84999."""
    text = card(small_run(bins=[ReliabilityBin(0.8, 0.8685, 0.86, 0.88, 10_000)]))
    assert "right on 8,685 of 10,000" in text
    assert "80.0 % sure on average and right on 86.9 %" in text


def test_it_says_what_calibration_error_chance_alone_makes():
    text = card(small_run(bins=[ReliabilityBin(0.75, 1.0, 0.2, 1.0, 1)]))
    assert "a model exactly as right as it is sure would show 37.5 % on so many images, by chance" in text


def test_no_line_is_left_over_from_the_template(complete):
    for text in (CARD.read_text(encoding="utf-8"), card(small_run())):
        assert not re.search(r"[{}%]{2}|\n\n\n|None|True|False", text)
