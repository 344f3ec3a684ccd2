"""What the page says of trainings and claims, in Korean."""

import re

# A pattern of the whole English text -> its Korean, in which {} is what the pattern has in brackets.
KOREAN = {
    r"(\d) RMSprop, (\d+) epochs": "{} RMSprop, {} 에포크",
    r"(\d) Adam, (\d+) epochs": "{} Adam, {} 에포크",
    r"(\d) Adam, dropout ([\d.]+), (\d+) epochs": "{} Adam, 드롭아웃 {}, {} 에포크",
    r"(\d) Adam, dropout ([\d.]+), early stopping": "{} Adam, 드롭아웃 {}, 조기 종료",
    r"(\d), but (\d+) epochs": "{}번에서 {} 에포크만",
    r"(\d), but without early stopping": "{}번에서 조기 종료 없이",
    r"(\d), but with early stopping": "{}번에 조기 종료를 더해",
    r"More epochs overfit \(RMSprop, (\d+) against (\d+)\)": "더 오래 훈련하면 과대적합한다(RMSprop, {} 대 {} 에포크)",
    r"Adam does better than RMSprop \((\d+) epochs\)": "Adam이 RMSprop보다 낫다({} 에포크)",
    r"Dropout brings the curves that the notes plot nearer": "드롭아웃은 노트가 그리는 두 곡선을 가깝게 한다",
    r"Dropout narrows the gap, with dropout off for both losses":
        "드롭아웃은 격차를 줄인다(두 손실 모두 드롭아웃을 끄고)",
    r"Dropout lowers validation loss after (\d+) epochs": "드롭아웃은 {} 에포크 뒤의 검증 손실을 낮춘다",
    r"Dropout raises validation accuracy after (\d+) epochs": "드롭아웃은 {} 에포크 뒤의 검증 정확도를 높인다",
    r"Early stopping runs fewer epochs": "조기 종료는 에포크를 덜 실행한다",
    r"Early stopping keeps a lower validation loss, with dropout":
        "조기 종료는 더 낮은 검증 손실을 남긴다(드롭아웃 있음)",
    r"Early stopping keeps a lower validation loss, without dropout":
        "조기 종료는 더 낮은 검증 손실을 남긴다(드롭아웃 없음)",
    r"Early stopping keeps a higher validation accuracy, with dropout":
        "조기 종료는 더 높은 검증 정확도를 남긴다(드롭아웃 있음)",
    r"Early stopping keeps a higher validation accuracy, without dropout":
        "조기 종료는 더 높은 검증 정확도를 남긴다(드롭아웃 없음)",
    r"yes": "예",
    r"no": "아니요",
    r"yes: validation loss rises": "예: 검증 손실이 오른다",
    r"no: validation loss falls": "아니요: 검증 손실이 내린다",
    r"yes: lower validation loss": "예: 검증 손실이 더 낮다",
    r"no: higher validation loss": "아니요: 검증 손실이 더 높다",
    r"no: it moves them apart": "아니요: 서로 멀어진다",
    r"no: the gap grows": "아니요: 격차가 커진다",
    r"no: it is lower": "아니요: 오히려 낮다",
    r"no: it is higher": "아니요: 오히려 높다",
    r"the same with every seed": "모든 시드에서 같다",
    r"no difference shown \(it would take about ([\d,]+) seeds to see one this small\)":
        "차이가 드러나지 않음(이만큼 작은 차이를 보려면 시드가 약 {}개 필요)",
    r"no difference shown \(it would take more than ([\d,]+) seeds to see one this small\)":
        "차이가 드러나지 않음(이만큼 작은 차이를 보려면 시드가 {}개 넘게 필요)",
    r"too few seeds to tell \(it would take about ([\d,]+) seeds\)": "시드가 너무 적어 알 수 없음(약 {}개 필요)",
    r"too few seeds to tell \(it would take more than ([\d,]+) seeds\)": "시드가 너무 적어 알 수 없음({}개 넘게 필요)",
}  # fmt: skip


def korean(text: str) -> str:
    """The same in Korean; in English, where the design says what the notes do not."""
    for pattern, said in KOREAN.items():
        if found := re.fullmatch(pattern, text):
            return said.format(*found.groups())
    return text
