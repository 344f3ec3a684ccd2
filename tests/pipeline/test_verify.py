"""`make verify`: a committed result checked from nothing, and every lie found."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from stages.base.errors import ProjectError
from stages.commands.verify import OtherBytes, OtherEnvironment, compare
from tests.support.clone import Clone
from tests.support.workspace import write_params


@pytest.fixture(scope="module")
def committed(reproduced_clone: Clone) -> Clone:
    """A clone with results on the digits, committed with their dvc.lock."""
    return reproduced_clone


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
    """The end of a file, from a digit of its last number on, and the same with one bit of that digit changed."""
    contents = path.read_bytes()
    tail = contents[contents.rfind(b"0.") + 4 :]
    assert tail[:1].isdigit()
    return tail, bytes([tail[0] ^ 1]) + tail[1:]


@pytest.fixture(scope="module")
def true_result(committed: Clone, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """All of it made again in a clone of its own, the folder, and what verify says of it."""
    folder = tmp_path_factory.mktemp("verify") / "clone"
    code = f"""
from pathlib import Path
from stages.commands.verify import clone_and_reproduce, compare
clone_and_reproduce(Path({str(folder)!r}))
compare(Path({str(folder)!r}))
"""
    return folder, committed.run("python", "-c", code).stdout


@pytest.fixture
def said(committed: Clone, true_result: tuple[Path, str], monkeypatch, capsys) -> Callable[..., str]:
    """What is said of the last commit, held against what was made again before: the parameters are the same."""
    monkeypatch.chdir(committed.folder)

    def compared(error: type[ProjectError], match: str) -> str:
        with pytest.raises(error, match=match):
            compare(true_result[0])
        undo(committed)
        return capsys.readouterr().out

    return compared


def test_a_true_result_is_the_same_bytes(committed: Clone, true_result):
    _, printed = true_result
    assert "all 27 outputs: the same bytes" in printed
    assert "models/best-model.keras" in printed
    assert committed.git_status() == ""


def test_a_bit_changed_in_a_committed_file_is_found(committed: Clone, said):
    plant(committed, {"metrics/evaluation.json": one_bit(committed.folder / "metrics/evaluation.json")})
    printed = said(OtherBytes, "no other environment explains it")
    line = next(line for line in printed.splitlines() if "metrics/evaluation.json" in line)
    assert "NOT WHAT dvc.lock SAYS: 1 of " in line
    assert printed.count("same bytes") >= 10


def test_a_model_that_is_not_what_the_commit_trains_is_found_with_its_distance(committed: Clone, said):
    """Trained with another seed, committed under this one: the lock and every file agree with each other."""
    folder = committed.folder
    write_params(folder, dataset="digits", epochs=3, seed=1)
    committed.dvc("repro")
    lock = (folder / "dvc.lock").read_text(encoding="utf-8")
    committed.run("git", "checkout", "HEAD", "--", "params.yaml")
    (folder / "dvc.lock").write_text(lock.replace("seed: 1\n", "seed: 42\n"), encoding="utf-8")
    committed.commit()
    printed = said(OtherBytes, "no other environment explains it")
    committed.dvc("checkout", "--force")
    assert OtherBytes.exit_code == 1
    lines = {line.split()[0]: line for line in printed.splitlines() if "OTHER BYTES" in line}
    assert "values, most in layers/" in lines["models/best-model.keras"]
    assert "metrics/train.json" in lines
    assert "data/prepared" not in lines


def test_bytes_of_another_environment_are_explained_by_it(committed: Clone, said):
    environment = (committed.folder / "metrics/environment.json").read_bytes()
    other = json.dumps(json.loads(environment) | {"cpu": "x86_64_v9"}, indent=2).encode() + b"\n"
    md5 = [hashlib.md5(contents).hexdigest().encode() for contents in (environment, other)]
    plant(committed, {"metrics/environment.json": (environment, other), "dvc.lock": tuple(md5)})
    said(OtherEnvironment, "bytes differ, as the environment does")
    assert OtherEnvironment.exit_code == 4


def test_a_change_committed_without_its_results_is_found(committed: Clone, said):
    (package,) = (
        dep["md5"]
        for dep in yaml.safe_load((committed.folder / "dvc.lock").read_text())["stages"]["train"]["deps"]
        if dep["path"] == "stages/training/"
    )
    plant(committed, {"dvc.lock": (package.encode(), b"0" * 32 + b".dir")})  # as if the code had been another
    assert "changed since the results were committed: stages/training/" in said(OtherBytes, "not what the commit gives")


def test_a_commit_that_does_not_run_is_said_so(committed: Clone):
    write_params(committed.folder, dataset="digits", epochs=3, dropout=2)
    committed.commit()
    code, printed = verify(committed)
    undo(committed)
    assert code == 2
    assert "stages.commands.fetch: failed in a fresh clone of the last commit" in printed
