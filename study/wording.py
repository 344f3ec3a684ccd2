"""Text in the two languages of the study's pages."""

from stages.base.yaml_files import Checked

LANGUAGES = {"en": "README.md", "ko": "README.ko.md"}  # the page of each

# The outcomes of a comparison that shows nothing: `seeds.statistics.WORDS` in Korean.
KOREAN = {
    "same": "모든 시드에서 같다",
    "few": "시드가 너무 적어 알 수 없음(시드가 {seeds} 필요)",
    "none": "유의하지 않음(이만큼 작은 차이를 확인하려면 시드가 {seeds} 필요)",
    "about": "{number}개쯤",
    "over": "{number}개 넘게",
}


class Wording(Checked):
    """A text in English and in Korean."""

    en: str
    ko: str
