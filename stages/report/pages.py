"""Pages: templates filled in, pictures inside them. Text in, text out."""

import base64
import struct
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from matplotlib.figure import Figure

TEMPLATES = Path(__file__).resolve().parent / "templates"


class Picture(NamedTuple):
    """A PNG file inside a page."""

    src: str
    width: int  # in pixels, so that nothing moves while a page is laid out
    height: int
    says: str  # what it shows, for whoever does not see it
    title: float = 0.0  # the share of its height that is its title, which a page may say as text


def render(template: Path, **values: Any) -> str:  # noqa: ANN401
    """Fill in a template, which may use those of this package.

    In HTML every value is escaped; a name that the template does not get is an error.
    """
    environment = Environment(
        loader=FileSystemLoader([template.parent, TEMPLATES]),
        autoescape=select_autoescape(("html",)),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(template.name).render(values)


def data_uri(png: bytes) -> str:
    """The address of a picture that is its own contents."""
    return f"data:image/png;base64,{base64.b64encode(png).decode('ascii')}"


def picture(png: bytes, says: str, title: float = 0.0) -> Picture:
    """A PNG file and what it shows."""
    width, height = struct.unpack(">II", png[16:24])  # where every PNG file has them
    return Picture(data_uri(png), width, height, says, title)


def of_figure(figure: Figure, png: bytes) -> Picture:
    """A figure that was saved as this PNG file."""
    says = figure.get_suptitle()
    (title,) = (text for text in figure.texts if text.get_text() == says)
    return picture(png, says, round(1 - title.get_window_extent().y0 / figure.bbox.height, 3))
