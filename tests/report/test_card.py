"""The card of the model: its values are those of the run, and its code loads the model."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from stages.base.params import OF_A_FOLDER
from stages.data.images import PREPARED, Images, load_images
from stages.report.documents import card
from tests.support.small import LABELS, small_run
from tests.support.workspace import read_json

CARD = Path("models/CARD.md")


def tables(text: str) -> dict[str, list[str]]:
    """Return the other cells of each row by its first cell."""
    rows = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in re.findall(r"(?m)^\|.*\|$", text)]
    return {row[0]: row[1:] for row in rows}


def test_it_gives_the_results_and_the_parameters_of_the_run(complete):
    text, evaluation = CARD.read_text(encoding="utf-8"), read_json("metrics/evaluation.json")
    rows = tables(text)
    for metric in ("accuracy", "loss"):
        assert rows[metric] == [f"{evaluation[part][metric]:.4f}" for part in ("validation", "test")]
    assert rows["macro F1"] == ["", f"{evaluation['test']['macro_f1']:.4f}"]
    for name, *scores, support in pd.read_csv("plots/per_class.csv").itertuples(index=False):
        assert rows[name] == [*(f"{score:.3f}" for score in scores), str(support)]
    assert not rows.keys() & set(OF_A_FOLDER)
    for name, value in yaml.safe_load(Path("params.yaml").read_text(encoding="utf-8")).items():
        if name not in OF_A_FOLDER:
            (written,) = rows[name]
            assert value is None if written == "none" else yaml.safe_load(written) == value, name


def test_its_three_lines_load_the_model_and_its_list_names_the_outputs(complete):
    lines = [line.strip() for line in re.findall(r"(?m)^    (.+)$", CARD.read_text(encoding="utf-8"))]
    test = load_images(PREPARED, "test")
    names = {"images": test.images}
    exec("\n".join(lines[:3]), names)
    assert yaml.safe_load(lines[3]) == test.classes.tolist()
    accuracy = np.mean(names["probabilities"].argmax(axis=-1) == test.labels)
    assert accuracy == pytest.approx(read_json("metrics/evaluation.json")["test"]["accuracy"])


COLORS = Images(np.zeros((5, 32, 32, 3), np.uint8), LABELS, np.array(["a|b", "c", "d", "untested"]))


def test_a_card_for_a_folder_of_images_names_the_folder_and_has_no_license():
    params = {"image_dir": "data/mine", "color_mode": "rgb", "network": "cnn", "dropout": 0.0}
    text = card(small_run(test=COLORS, data={"dataset": "images"}, params=params))
    assert "`data/mine`" in text
    assert "uint8 [n, 32, 32, 3]" in text
    assert "two convolutions (32 and 64 filters, 3 x 3)" in text
    assert "Dropout" not in text
    assert r"a\|b" in tables(text)
    assert re.search(r"(?m)^Classes without test images.*: untested\.$", text)
    assert yaml.safe_load(text.split("---")[1])["license"] == "other"


def test_no_line_is_left_over_from_the_template(complete):
    for text in (CARD.read_text(encoding="utf-8"), card(small_run()), card(small_run(test=COLORS))):
        assert not re.search(r"[{}%]{2}|\n\n\n|None|True|False", text)
