"""Fill in templates."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape


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
