"""Machines that share a bare Git repository and a DVC remote."""

from pathlib import Path

from tests.support.clone import Clone


class Team:
    """A machine, the two remotes that it shares, and others, each with a clone of it and nothing else."""

    def __init__(self, first: Clone, folder: Path, url: str, endpoint: str | None = None) -> None:
        self.first = first
        self.bare = folder / "team.git"
        self._by_itself(first)
        first.run("git", "init", "--quiet", "--bare", "--initial-branch=main", str(self.bare))
        first.run("git", "remote", "add", "origin", str(self.bare))
        first.dvc("remote", "add", "--default", "team", url)
        if endpoint:
            first.dvc("remote", "modify", "team", "endpointurl", endpoint)
        self.publish()

    def publish(self) -> None:
        """Commit all that the first machine has, and give it to the others."""
        self.first.commit()
        self.first.run("git", "push", "--quiet", "origin", "main")

    def another(self, folder: Path) -> Clone:
        """A machine more."""
        self.first.run("git", "clone", "--quiet", str(self.bare), str(folder))
        self._by_itself(clone := Clone.at(folder))
        return clone

    @staticmethod
    def _by_itself(clone: Clone) -> None:
        """DVC remembers for all of a machine what it has seen in a remote."""
        clone.dvc("config", "--local", "core.site_cache_dir", str(clone.folder.with_suffix(".site")))
