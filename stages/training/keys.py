"""The key of a stored epoch: a digest of everything that decides the epoch except the state before it."""

import ast
import hashlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from stages import HARMLESS
from stages.data.images import Images

if TYPE_CHECKING:  # the import takes seconds
    from stages.training.backend import keras

RECORD_VERSION = "2"  # increase it if store.py can no longer read the records of an older version

# The modules in this folder that compute an epoch. A test checks that they import no other module that computes, so
# that a change elsewhere in the project leaves all stored epochs valid.
COMPUTING = ("adam.py", "backend.py", "epochs.py", "loss.py", "model.py", "networks.py")

# The first letters of environment variables that change what TensorFlow and its libraries compute.
ARITHMETIC = ("TF_", "ONEDNN_", "DNNL_", "XLA_", "NVIDIA_TF32_OVERRIDE")


def digest(*parts: bytes | str | np.ndarray) -> str:
    """Return 128 bits of SHA-256 of a list, in hexadecimal.

    Type and length of each part count, and an array's dtype and shape, so that no two lists give the same bytes.
    """
    sha = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray):
            data = np.ascontiguousarray(part)
            head = f"{data.dtype.str} {data.shape}"
        else:
            data = part.encode() if isinstance(part, str) else part
            head = f"{type(part).__name__} {len(data)}"
        sha.update(f"{head}\n".encode())
        sha.update(data)
    return sha.hexdigest()[:32]


def data_digest(train: Images, val: Images) -> str:
    """Return a digest of all images and labels that an epoch reads."""
    return digest(*(array for part in (train, val) for array in (part.images, part.labels)))


def syntax(source: str) -> str:
    """Return the syntax tree of a module without docstrings, so that comments and layout do not count.

    It differs between Python versions, which costs time and nothing else.
    """
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            del node.body[0]
    return ast.dump(tree)


def epoch_key(model: "keras.Model", data: str, *, batch_size: int, seed: int, environment: dict[str, str]) -> str:
    """Return a digest of everything that decides an epoch of a compiled model except the state before it.

    `data` is the `data_digest` of the images. Callbacks do not count: they decide which epochs are run and kept.
    """
    from stages.training.backend import threads
    from stages.training.model import evaluation_batch

    settings = {
        name: value for name, value in os.environ.items() if name.startswith(ARITHMETIC) and name not in HARMLESS
    }
    described = [RECORD_VERSION, model.get_config(), model.get_compile_config(), batch_size, seed, environment]
    described += [settings, evaluation_batch(model), threads()]
    sources = [syntax(Path(__file__).with_name(name).read_text(encoding="utf-8")) for name in COMPUTING]
    return digest(json.dumps(described, sort_keys=True), *sources, data)
