"""What the inbox prints is prepared right: marked words, score bars, clocks."""

from datetime import UTC, datetime

from routing.record_rows import ScorePart, ScoreView
from routing.rows import Clock, Piece, SlotView, mark

SERVICE = SlotView("service", "Услуга", "Окрашивание в один тон", "окрашивание")
TIME = SlotView("datetime", "Когда", "сегодня, после 15:00", "сегодня после трёх")


def test_the_words_a_slot_was_read_from_are_marked_in_place():
    pieces = mark("Можно Сегодня после трёх на окрашивание?", [SERVICE, TIME])

    assert pieces == (
        Piece("Можно "),
        Piece("Сегодня после трёх", "datetime", "Когда: сегодня, после 15:00"),
        Piece(" на "),
        Piece("окрашивание", "service", "Услуга: Окрашивание в один тон"),
        Piece("?"),
    )


def test_marking_never_changes_the_text():
    inner = SlotView("part", "Часть", "день", "после")
    absent = SlotView("name", "Имя", "Анна", "Анна")
    for text in ("", "сегодня после трёх", "İstanbul, окрашивание", "<b>окрашивание</b> сегодня после трёх"):
        assert "".join(piece.text for piece in mark(text, [SERVICE, TIME, inner, absent])) == text


def test_a_slot_inside_marked_words_is_not_marked_again():
    inner = SlotView("part", "Часть", "день", "после")

    assert [piece.kind for piece in mark("сегодня после трёх", [inner, TIME])] == ["datetime"]


def test_the_score_bar_ends_at_a_hundred_and_leaves_out_what_was_taken_off():
    parts = (
        ScorePart("recency", "Свежесть", 20, 20),
        ScorePart("intent", "Намерение", 40, 40),
        ScorePart("modifier", "Чувствителен к цене", -5),
        ScorePart("ltv", "Ценность", 20, 20),
        ScorePart("modifier", "Срочно", 30),
    )
    bar = ScoreView(100, "hot", parts).bar

    assert [(segment.key, segment.x, segment.width) for segment in bar] == [
        ("recency", 0, 20),
        ("intent", 20, 40),
        ("ltv", 60, 20),
        ("modifier", 80, 20),
    ]


def test_a_clock_tells_its_time_before_scripts_take_over():
    def clock(left: int) -> Clock:
        return Clock("взять", datetime(2026, 3, 2, 9, tzinfo=UTC), 60, left)

    assert clock(41).left_title == "0:41"
    assert clock(0).left_title == "0:00"
    assert not clock(0).is_late
    assert clock(-130).left_title == "−2:10"
    assert clock(-130).bar_value == 0
    assert clock(90).bar_value == 60
    assert clock(7300).left_title == "2\u00a0ч"
