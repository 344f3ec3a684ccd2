"""A workspace to run stages in, and its files."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml
from PIL import Image

from stages.base.params import Params, read_params
from stages.base.process import LOCK
from stages.data.images import Images
from stages.training.store import STORE

ROOT = Path(__file__).resolve().parent.parent.parent
SMALL = {"dataset": "sample", "limit": 600}  # 480 for training, 120 for validation, 600 for test


OWN = yaml.safe_load((ROOT / "tests/params.yaml").read_text(encoding="utf-8"))


def write_params(folder: Path, **changes: object) -> None:
    """Write params.yaml, comments and all, with the values of the tests, some of them changed, or keys added."""
    text = (ROOT / "params.yaml").read_text(encoding="utf-8")
    for key, value in (OWN | changes).items():
        written = (
            "" if value is None else yaml.safe_dump(value, default_flow_style=True, allow_unicode=True).split("\n")[0]
        )
        line = f"{key}: {written}".rstrip()
        # a function, because the line may have a backslash
        if re.search(rf"(?m)^{key}:", text):
            text = re.sub(rf"(?m)^{key}:.*$", lambda _, line=line: line, text)
        else:
            text += f"{line}\n"
    (folder / "params.yaml").write_text(text, encoding="utf-8")


def new_workspace(folder: Path, **changes: object) -> None:
    """Write what the stages need in a new folder: the parameters, the registry and the sample."""
    (folder / "data").mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / "data/fashion_mnist.yaml", folder / "data")
    (folder / "data/sample").symlink_to(ROOT / "data/sample")
    write_params(folder, **changes)


def params(**changes: object) -> Params:
    """Return the parameters of the tests with some values changed."""
    return Params.model_validate(read_params(ROOT / "params.yaml").model_dump() | OWN | changes)


def read_json(path: str | Path) -> dict:
    return json.loads(Path(path).read_text(encoding="utf-8"))


def history() -> dict[str, list[float]]:
    return pd.read_csv("plots/history.csv").to_dict("list")


def run_stages(folder: Path, *stages, **params) -> None:
    write_params(folder, **SMALL | params)
    for stage in stages:
        stage.main()


def head(data: Images, rows: int) -> Images:
    """Return the first rows."""
    return Images(data.images[:rows], data.labels[:rows], data.classes)


def write_pictures(folder: Path, data: Images) -> None:
    """Write images as PNG files in a folder for each class, named by their numbers."""
    for number, (pixels, label) in enumerate(zip(data.images, data.labels, strict=True)):
        path = folder / str(data.classes[label]).replace("/", " or ") / f"{number:05}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)


def python(*arguments: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def work_in_a_copy(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Copy a folder, and make the copy the current one."""
    copy = tmp_path / "copy"
    shutil.copytree(made, copy, symlinks=True)
    monkeypatch.chdir(copy)
    return copy


def snapshot(folder: Path) -> dict[str, bytes | None]:
    """Return every file with its contents, and every folder, without the lock and the store."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
        if path.name != LOCK.name and STORE.name not in path.parts
    }


needs_onnx = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("onnx", "onnxruntime", "tf2onnx")),
    reason="onnx, onnxruntime or tf2onnx not installed: make export installs them",
)
