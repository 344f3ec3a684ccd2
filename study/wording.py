"""Texts in the two languages of the studies' pages."""

from stages.base.params import TrainingParams
from stages.base.yaml_files import Checked

PAGES = ("README.md", "README.ko.md")


class Wording(Checked):
    """A text in English and in Korean."""

    en: str
    ko: str


class Titled(TrainingParams):
    """The parameters of a training, with a title."""

    title: Wording

    def params(self, **changes: object) -> TrainingParams:
        """Return the parameters, some of them changed."""
        return TrainingParams(**self.model_dump(include=set(TrainingParams.model_fields)) | changes)
