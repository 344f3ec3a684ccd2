"""Templates filled in: what goes in comes out as text, and nothing is left out silently."""

import base64

import jinja2
import numpy as np
import pytest

from stages.core import pages
from stages.core.galleries import image_png


@pytest.fixture
def templates(tmp_path, monkeypatch):
    monkeypatch.setattr(pages, "TEMPLATES", tmp_path)
    return tmp_path


def test_a_value_is_text_wherever_it_stands(templates):
    (templates / "a.html").write_text('<img alt="{{ name }}">{{ name }}')
    escaped = "&lt;b&gt;&amp;&#34;&#39;$"
    assert pages.render("a.html", name="<b>&\"'$") == f'<img alt="{escaped}">{escaped}'


def test_a_name_that_the_template_is_not_given_is_an_error(templates):
    (templates / "a.html").write_text("{{ nmae }}")
    with pytest.raises(jinja2.UndefinedError, match="nmae"):
        pages.render("a.html", name="a")


def test_lines_that_only_say_what_to_do_leave_none(templates):
    (templates / "a.html").write_text(
        "{% for name in names %}\n  {% if name %}\n{{ name }}\n  {% endif %}\n{% endfor %}\n"
    )
    assert pages.render("a.html", names=["a", "", "b"]) == "a\nb\n"


def test_a_picture_is_its_own_file_with_its_size():
    png = image_png(np.zeros((2, 3), np.uint8))
    made = pages.picture(png, "nothing")
    assert (made.width, made.height, made.says) == (3, 2, "nothing")
    kind, contents = made.src.split(",")
    assert kind == "data:image/png;base64"
    assert base64.b64decode(contents) == png
