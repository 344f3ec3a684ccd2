"""Texts in the two languages of the studies' pages."""

from stages.base.yaml_files import Checked

LANGUAGES = {"en": "README.md", "ko": "README.ko.md"}  # the page of each


class Wording(Checked):
    """A text in English and in Korean."""

    en: str
    ko: str
