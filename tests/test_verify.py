"""`make verify`: a committed result checked from nothing, and every lie found."""

import json
from pathlib import Path

import numpy as np
import pytest

from stages.core.differences import difference
from tests.conftest import Clone, write_params

pytestmark = pytest.mark.dvc


@pytest.fixture(scope="module")
def committed(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A clone with results on the digits, committed with their dvc.lock."""
    folder = tmp_path_factory.mktemp("committed") / "a folder"
    folder.mkdir()
    clone = Clone(folder)
    write_params(folder, dataset="digits", limit=300, epochs=2)
    clone.dvc("repro")
    clone.commit()
    return clone


def verify(clone: Clone) -> tuple[int, str]:
    done = clone.run("python", "-m", "stages.commands.verify", check=False)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout + done.stderr


def plant(clone: Clone, changes: dict[str, tuple[bytes, bytes]]) -> None:
    for name, (old, new) in changes.items():
        path = clone.folder / name
        contents = path.read_bytes()
        assert old in contents
        path.write_bytes(contents.replace(old, new, 1))
    clone.commit()


def undo(clone: Clone) -> None:
    clone.run("git", "reset", "--quiet", "--hard", "HEAD~1")


def one_bit(path: Path) -> tuple[bytes, bytes]:
    """The last digit of a file, and that digit with one bit changed."""
    contents = path.read_bytes()
    place = max(contents.rfind(digit) for digit in b"0123456789" for digit in [bytes([digit])])
    tail = contents[place - 12 :]
    return tail, tail[:12] + bytes([tail[12] ^ 1]) + tail[13:]


def test_a_true_result_is_the_same_bytes(committed: Clone):
    code, printed = verify(committed)
    assert code == 0, printed
    assert "all 26 outputs: the same bytes" in printed
    assert "models/best-model.keras" in printed
    assert committed.git_status() == ""


def test_a_bit_changed_in_a_committed_file_is_found(committed: Clone):
    plant(committed, {"metrics/evaluation.json": one_bit(committed.folder / "metrics/evaluation.json")})
    code, printed = verify(committed)
    undo(committed)
    assert code == 1
    line = next(line for line in printed.splitlines() if "metrics/evaluation.json" in line)
    assert "NOT WHAT dvc.lock SAYS: 1 of " in line
    assert printed.count("same bytes") >= 10


def test_a_model_that_is_not_what_the_commit_trains_is_found_with_its_distance(committed: Clone):
    """Trained with another seed, committed under this one: the lock and every file agree with each other."""
    folder = committed.folder
    write_params(folder, dataset="digits", limit=300, epochs=2, seed=1)
    committed.dvc("repro")
    lock = (folder / "dvc.lock").read_text(encoding="utf-8")
    committed.run("git", "checkout", "HEAD", "--", "params.yaml")
    (folder / "dvc.lock").write_text(lock.replace("seed: 1\n", "seed: 42\n"), encoding="utf-8")
    committed.commit()
    code, printed = verify(committed)
    undo(committed)
    committed.dvc("checkout", "--force")
    assert code == 1
    lines = {line.split()[0]: line for line in printed.splitlines() if "OTHER BYTES" in line}
    assert "values, most in layers/" in lines["models/best-model.keras"]
    assert "metrics/train.json" in lines
    assert "data/prepared" not in lines


def test_bytes_of_another_environment_are_explained_by_it(committed: Clone):
    folder = committed.folder
    environment = (folder / "metrics/environment.json").read_bytes()
    other = json.dumps(json.loads(environment) | {"cpu": "x86_64_v9"}, indent=2).encode() + b"\n"
    import hashlib

    md5 = [hashlib.md5(contents).hexdigest().encode() for contents in (environment, other)]
    plant(committed, {"metrics/environment.json": (environment, other), "dvc.lock": tuple(md5)})
    code, printed = verify(committed)
    undo(committed)
    assert code == 4, printed
    assert "bytes differ, as the environment does" in printed


def test_a_change_committed_without_its_results_is_found(committed: Clone):
    plant(committed, {"stages/core/model.py": (b'"""The notes', b'"""Not the notes')})
    code, printed = verify(committed)
    undo(committed)
    assert code == 1
    assert "changed since the results were committed: stages/core/model.py" in printed


def test_a_commit_that_does_not_run_is_said_so(committed: Clone):
    write_params(committed.folder, dataset="digits", limit=300, epochs=2, dropout=2)
    committed.commit()
    code, printed = verify(committed)
    undo(committed)
    assert code == 2
    assert "stages.commands.fetch: failed in a fresh clone of the last commit" in printed


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
