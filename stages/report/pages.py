"""Fill in templates, and put pictures into pages. Text in, text out."""

import base64
import struct
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

TEMPLATES = Path(__file__).resolve().parent / "templates"


class Picture(NamedTuple):
    """A PNG file inside a page."""

    src: str
    width: int  # in pixels, so that nothing moves while the browser loads the page
    height: int
    alt: str  # a description for screen readers


def render(template: Path, **values: Any) -> str:  # noqa: ANN401
    """Fill in a template. HTML escapes every value. A name without a value is an error."""
    environment = Environment(
        loader=FileSystemLoader(template.parent),
        autoescape=select_autoescape(("html",)),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(template.name).render(values)


def picture(png: bytes, alt: str) -> Picture:
    """Return a picture whose address contains the file, so that the page is a single file."""
    width, height = struct.unpack(">II", png[16:24])  # the same place in every PNG file
    return Picture(f"data:image/png;base64,{base64.b64encode(png).decode('ascii')}", width, height, alt)
