"""What `make verify` says of two files, and of two dvc.lock; no DVC."""

import copy
from pathlib import Path

import numpy as np
import yaml

from stages.commands.verify import changed_since, difference
from tests.support.workspace import ROOT

LOCK = yaml.safe_load((ROOT / "dvc.lock").read_text(encoding="utf-8"))


def test_sources_and_parameters_that_are_not_those_of_dvc_lock_are_named_and_what_stages_make_is_not():
    fresh = copy.deepcopy(LOCK)
    assert changed_since(LOCK, fresh) == []
    for dep in fresh["stages"]["train"]["deps"]:
        dep["md5"] = "0" * 32
    made = {dep["path"] for dep in fresh["stages"]["train"]["deps"] if dep["path"].startswith("data/prepared/")}
    named = {dep["path"] for dep in fresh["stages"]["train"]["deps"]} - made
    assert len(made) == 2
    assert changed_since(LOCK, fresh) == sorted(named)
    fresh = copy.deepcopy(LOCK)
    fresh["stages"]["plot"]["params"]["params.yaml"]["seed"] = 7
    assert changed_since(LOCK, fresh) == ["params.yaml or dvc.yaml"]


def test_how_far_two_files_are_apart():
    one, other = b'{"a": {"b": 1.5, "c": 2}, "d": "x"}', b'{"a": {"b": 1.25, "c": 2}, "d": "x"}'
    assert difference(".json", one, other) == "1 of 3 values, most in a.b: by 0.25"
    assert difference(".json", one, one.replace(b"x", b"y")) == "d is something else"
    assert (
        difference(".json", one, other.replace(b"x", b"y"))
        == "d is something else; 1 of 3 values, most in a.b: by 0.25"
    )
    rows = [b"x,y\na,b\n", b"x,y\nc,d\n"]
    assert difference(".csv", *rows) == "x in row 1 and 1 more are something else"
    assert difference(".json", one, b"{}") == "other names: a.b, a.c, d"
    assert difference(".json", b"{", one) == "the committed file cannot be read (JSONDecodeError)"
    assert difference(".json", one, one + b"\n") == "every value is the same, written otherwise"
    assert difference(".csv", b"x,y\n1,a\n2,b\n", b"x,y\n1,a\n4,b\n") == "1 of 4 values, most in x in row 2: by 2"
    assert difference(".png", b"1234", b"123") == "4 bytes, now 3"


def test_how_far_two_sets_of_images_are_apart(tmp_path: Path):
    files = []
    for pixel in (3, 250):
        path = tmp_path / f"{pixel}.npz"
        np.savez(path, images=np.array([[7, pixel]], np.uint8), classes=np.array(["a"]))
        files.append(path.read_bytes())
    assert difference(".npz", *files) == "1 of 2 values, most in images: by 247"
