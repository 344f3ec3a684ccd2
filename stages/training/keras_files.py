"""Rewrite `.keras` files so that equal models give equal bytes."""

import json
import zipfile
from pathlib import Path
from typing import Any

# Two saves of one model differ in three places (keras 3.15): the date in metadata.json, the time of each archive
# member, and `shared_object_id` in config.json, which is a memory address.
DATE_SAVED = "1980-01-01@00:00:00"
SHARED_ID = "shared_object_id"


def _number_shared_objects(config: Any, numbers: dict[int, int]) -> Any:  # noqa: ANN401
    """Number the memory addresses in order of appearance; equal addresses get equal numbers."""
    if isinstance(config, dict):
        return {
            key: numbers.setdefault(value, len(numbers)) if key == SHARED_ID else _number_shared_objects(value, numbers)
            for key, value in config.items()
        }
    if isinstance(config, list):
        return [_number_shared_objects(value, numbers) for value in config]
    return config


def make_canonical(path: Path) -> None:
    """Rewrite a `.keras` file, through a temporary file, so that its bytes depend on the model alone.

    `keras.models.load_model` can still read it.
    """
    temporary = path.with_name(path.name + ".tmp")
    try:
        with zipfile.ZipFile(path) as source, zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as target:
            for name in sorted(source.namelist()):
                contents = source.read(name)
                if name == "metadata.json":
                    contents = json.dumps(json.loads(contents) | {"date_saved": DATE_SAVED}).encode()
                elif name == "config.json":
                    contents = json.dumps(_number_shared_objects(json.loads(contents), {})).encode()
                target.writestr(zipfile.ZipInfo(name), contents)  # ZipInfo's own date: 1980-01-01
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
