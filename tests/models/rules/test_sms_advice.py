"""What forces UCS-2 upon a text, and what would save it."""

from hypothesis import given
from hypothesis import strategies as st

from models.rules.sms import GSM7, SmsEncoding, split_sms
from models.rules.sms_advice import REPLACEMENTS, SHOWN_MAX, advise


def test_a_typographic_apostrophe_doubles_a_text() -> None:
    advice = advise("It\u2019s " + "a" * 96)
    assert (advice.encoding, advice.segments, advice.suggested_segments) == (SmsEncoding.UCS2, 2, 1)
    assert advice.suggested == "It's " + "a" * 96
    [one] = advice.forcing
    assert (one.position, one.character, one.name, one.replacement) == (
        2, "\u2019", "RIGHT SINGLE QUOTATION MARK", "'",
    )  # fmt: skip


def test_what_saves_nothing_is_not_suggested() -> None:
    for text in ("short \u2019", "Ž" * 80, "plain"):
        advice = advise(text)
        assert (advice.suggested, advice.suggested_segments) == (None, advice.segments)


def test_letters_with_marks_stay_and_have_no_replacement() -> None:
    assert [(each.character, each.replacement) for each in advise("Žana").forcing] == [("Ž", None)]


def test_of_a_text_in_another_script_the_first_ones_are_listed() -> None:
    advice = advise("ж" * 300)
    assert (len(advice.forcing), advice.forcing_total) == (SHOWN_MAX, 300)


def test_replacements_are_of_the_default_alphabet_and_for_what_is_not() -> None:
    assert GSM7.issuperset("".join(REPLACEMENTS.values()))
    assert not GSM7.intersection(REPLACEMENTS)


_TEXTS = st.text(alphabet=st.sampled_from([*"abc ^€\n", *REPLACEMENTS, "Ž", "🛑"]), max_size=200)


@given(_TEXTS)
def test_what_is_suggested_is_shorter_and_says_the_same(text: str) -> None:
    advice = advise(text)
    assert advice.segments == len(split_sms(text).segments)
    assert (advice.forcing_total == 0) is (advice.encoding is SmsEncoding.GSM7)
    assert all(text[each.position] == each.character for each in advice.forcing)
    if advice.suggested is not None:
        assert len(split_sms(advice.suggested).segments) == advice.suggested_segments < advice.segments
        assert not set(REPLACEMENTS).intersection(advice.suggested)
