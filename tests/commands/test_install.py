"""The environment that `make` makes, and those that it leaves alone. With a package of our own: no network."""

import base64
import fcntl
import hashlib
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.support.workspace import ROOT, python

pytestmark = pytest.mark.process
COMMAND = ("-m", "stages.commands.install")


def git(folder: Path, *words: str) -> None:
    subprocess.run(["git", "-c", "user.name=T", "-c", "user.email=t@example.org", *words], cwd=folder, check=True)


def wheel(folder: Path, version: str) -> str:
    """A package as small as can be; the line that pins it."""
    info = f"thing-{version}.dist-info"
    files = {
        "thing.py": "",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: thing\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    path = folder / f"thing-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
        sums = {name: hashlib.sha256(text.encode()).digest() for name, text in files.items()}
        rows = [f"{name},sha256={base64.urlsafe_b64encode(sums[name]).rstrip(b'=').decode()}," for name in files]
        archive.writestr(f"{info}/RECORD", "\n".join([*rows, f"{info}/RECORD,,\n"]))
    return f"thing=={version} \\\n    --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Git clone that pins one package."""
    folder = tmp_path / "a project"
    folder.mkdir()
    (tmp_path / "wheels").mkdir()
    (folder / "requirements.txt").write_text(wheel(tmp_path / "wheels", "1.0"))
    for name, value in {"NO_INDEX": "1", "FIND_LINKS": str(tmp_path / "wheels"), "CONFIG_FILE": os.devnull}.items():
        monkeypatch.setenv(f"PIP_{name}", value)
    git(folder, "init", "--quiet")
    git(folder, "add", "requirements.txt")
    git(folder, "commit", "--quiet", "--message", "start")
    return folder


def install(folder: Path) -> tuple[int, str]:
    done = python(*COMMAND, folder=folder)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout + done.stderr


def test_an_environment_of_its_own_is_made_once_kept_when_pins_change_and_begun_anew_where_it_broke_off(
    project: Path, monkeypatch: pytest.MonkeyPatch
):
    (project / ".venv").mkdir()  # broken off: marked, and half of it there
    (project / ".venv/.made-by-make").touch()
    (project / ".venv/half").mkdir()
    assert install(project) == (0, "Installing what requirements.txt pins into .venv (2.7 GB, about two minutes) ...\n")
    thing = next((project / ".venv/lib").glob("python*/site-packages/thing.py"))
    assert not (project / ".venv/half").exists()
    assert install(project) == (0, "")
    own = thing.with_name("mine.py")
    own.touch()
    (project / "requirements.txt").write_text("thing==2.0 --hash=sha256:00\n")
    code, said = install(project)
    assert code == 1
    assert said.endswith(
        "the packages could not be installed, see above; once that is mended, the same command goes on\n"
    )
    (project / "requirements.txt").write_text(wheel(project.parent / "wheels", "2.0"))
    monkeypatch.setenv("PIP_USER", "1")  # as some containers set it
    monkeypatch.setenv("PIP_TARGET", str(project / "elsewhere"))
    assert install(project)[0] == 0
    assert thing.with_name("thing-2.0.dist-info").exists()
    assert own.exists()
    stamp = project / ".venv/.requirements"
    stamp.write_text(f"{stamp.read_text().split()[0]} 3.10")  # the system's Python was another one then
    assert install(project)[1].startswith("Installing what requirements.txt pins into .venv")
    assert thing.with_name("thing-2.0.dist-info").exists()
    assert not own.exists()


def test_one_that_make_did_not_make_is_left_as_it_is_and_used_where_it_has_what_is_pinned(project: Path):
    subprocess.run(
        [sys.executable, "-m", "venv", "--without-pip", "--system-site-packages", ".venv"], cwd=project, check=True
    )
    own = project / ".venv/bin/python"
    (project / ".venv/mine").touch()

    def by_itself() -> tuple[int, str]:
        surroundings = os.environ | {"PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            [own, *COMMAND], cwd=project, env=surroundings, capture_output=True, text=True, check=False
        )
        return done.returncode, done.stderr

    site = next((project / ".venv/lib").glob("python*/site-packages"))
    (site / "of-the-tests.pth").write_text(next(path for path in sys.path if path.endswith("site-packages")))
    line = ".venv: not made by make, so left as it is, and it lacks thing==1.0 of requirements.txt; type: "
    assert by_itself() == (2, f"{line}.venv/bin/python -m pip install --require-hashes -r requirements.txt\n")
    with zipfile.ZipFile(project.parent / "wheels/thing-1.0-py3-none-any.whl") as archive:
        archive.extractall(site)
    assert by_itself() == (0, "")
    code, said = install(project)  # by another Python, as where that of the environment is too old
    assert code == 2
    assert "without a Python 3.11, 3.12 or 3.13 that runs; move it away: mv .venv .venv.old" in said
    assert (project / ".venv/mine").exists()
    assert not (project / ".venv/.made-by-make").exists()


def test_a_link_is_left_as_it_is(project: Path):
    (project / "elsewhere").mkdir()
    (project / "elsewhere/file").touch()
    (project / ".venv").symlink_to("elsewhere")
    assert install(project)[0] == 2
    assert [path.name for path in (project / "elsewhere").iterdir()] == ["file"]
    cleaned = subprocess.run(
        ["make", "-f", ROOT / "Makefile", "clean"], cwd=project, capture_output=True, text=True, check=False
    )
    assert cleaned.returncode == 2
    assert "make: .venv was not made by make, so it is left as it is" in cleaned.stderr
    assert (project / "elsewhere/file").exists()


def test_a_second_one_waits_and_says_so(project: Path):
    with (project / "requirements.txt").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        second = subprocess.Popen(
            [sys.executable, *COMMAND], cwd=project, env=os.environ | {"PYTHONPATH": str(ROOT)}, text=True,
            stderr=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        assert second.stderr.readline() == "another make is installing the packages: waiting for it to end\n"
        second.kill()
        second.communicate()


@pytest.mark.parametrize("how", ["no repository", "a folder of another one", "no commit"])
def test_what_is_no_clone_is_said_before_anything_is_installed(project: Path, how: str):
    folder = project / "inside" if how == "a folder of another one" else project.parent / "copy"
    folder.mkdir()
    (folder / "requirements.txt").touch()
    if how == "no commit":
        git(folder, "init", "--quiet")
    code, said = install(folder)
    assert code == 2
    assert "git init && git add --all && git commit -m start" in said
    assert len(said.splitlines()) == 1
    assert not (folder / ".venv").exists()


def test_without_git_it_says_so(project: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", "/nowhere")
    assert install(project) == (2, "git is not installed, or not on PATH: the project needs it, and so does DVC\n")
