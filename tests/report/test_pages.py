"""Templates filled in: what goes in comes out as text, and nothing is left out silently."""

import base64

import jinja2
import numpy as np
import pytest
from matplotlib.figure import Figure

from stages.report import pages
from stages.report.galleries import image_png
from stages.report.style import save_png, use_style
from tests.support.small import HOW


def test_a_value_is_text_wherever_it_stands(tmp_path):
    (tmp_path / "a.html").write_text('<img alt="{{ name }}">{{ name }}')
    escaped = "&lt;b&gt;&amp;&#34;&#39;$"
    assert pages.render(tmp_path / "a.html", name="<b>&\"'$") == f'<img alt="{escaped}">{escaped}'


def test_in_markdown_nothing_is_escaped(tmp_path):
    (tmp_path / "a.md.jinja").write_text("{{ name }}")
    assert pages.render(tmp_path / "a.md.jinja", name="<b>&") == "<b>&"


def test_a_name_that_the_template_is_not_given_is_an_error(tmp_path):
    (tmp_path / "a.html").write_text("{{ nmae }}")
    with pytest.raises(jinja2.UndefinedError, match="nmae"):
        pages.render(tmp_path / "a.html", name="a")


def test_lines_that_only_say_what_to_do_leave_none(tmp_path):
    (tmp_path / "a.html").write_text(
        "{% for name in names %}\n  {% if name %}\n{{ name }}\n  {% endif %}\n{% endfor %}\n"
    )
    assert pages.render(tmp_path / "a.html", names=["a", "", "b"]) == "a\nb\n"


def test_a_picture_is_its_own_file_with_its_size():
    png = image_png(np.zeros((2, 3), np.uint8), HOW)
    made = pages.picture(png, "nothing")
    assert (made.width, made.height, made.says) == (3, 2, "nothing")
    kind, contents = made.src.split(",")
    assert kind == "data:image/png;base64"
    assert base64.b64decode(contents) == png


def test_of_a_figure_the_page_knows_how_much_of_it_is_its_title(tmp_path):
    use_style()
    shares = []
    for title in ("one", "one\ntwo"):
        figure = Figure(figsize=(4, 3), layout="constrained")
        figure.suptitle(title)
        figure.subplots()
        save_png(figure, tmp_path / "a.png")
        made = pages.of_figure(figure, (tmp_path / "a.png").read_bytes())
        assert (made.says, made.width, made.height) == (title, 800, 600)
        shares.append(made.title)
    assert 0.05 < shares[0] < shares[1] < 0.25
