"""What besides the inputs decides bytes."""

from importlib.metadata import version

from stages.base.environment import environment


def test_it_names_the_system_the_class_of_cpu_and_the_libraries_that_compute():
    found = environment()
    assert list(found) == ["platform", "cpu", "keras", "numpy", "tensorflow"]
    assert all(found[name] == version(name) for name in ("keras", "numpy", "tensorflow"))


def test_graphics_cards_are_named_where_there_are_any():
    assert environment(["A", "B"])["gpu"] == "A; B"
    assert "gpu" not in environment()
