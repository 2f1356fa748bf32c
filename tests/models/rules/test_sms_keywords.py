"""Keywords of inbound SMS: which words count for whom, and in what form."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from phonenumbers import SUPPORTED_REGIONS

from models.rules.sms_keywords import _REGIONS, _TABLE, Keyword, keyword_of, plain_word, region_of

US, GERMAN, FRENCH, SPANISH, LITHUANIAN, POLISH = (
    "+12015550123", "+4915112345678", "+33612345678", "+34612345678", "+37061234567", "+48512345678",
)  # fmt: skip
TURKISH, ISRAELI, GREEK, RUSSIAN, CANADIAN = (
    "+905012345678",
    "+972502345678",
    "+306912345678",
    "+79123456789",
    "+14165550123",
)


@pytest.mark.parametrize("word", ["STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPT OUT"])
@pytest.mark.parametrize("sender", [US, GERMAN, RUSSIAN, "12345"])
def test_english_words_count_everywhere(word: str, sender: str) -> None:
    assert keyword_of(word, sender) is Keyword.STOP


@pytest.mark.parametrize(
    ("text", "sender"),
    [
        ("Stopp", GERMAN), ("ABMELDEN.", GERMAN), ("Arrêt", FRENCH), ("arrêter !", FRENCH), ("ARRET", CANADIAN),
        ("¡Baja!", SPANISH), ("alto", US), ("Atsisakau", LITHUANIAN), ("nebesiųsti", LITHUANIAN), ("стоп", LITHUANIAN),
        ("Rezygnuję", POLISH), ("İPTAL", TURKISH), ("iptal", TURKISH), ("הסר", ISRAELI), ("Στοπ", GREEK),
        ("СТОП", RUSSIAN), ("退订", "+8613123456789"), ("수신거부", "+821020000000"),
    ],
)  # fmt: skip
def test_words_of_a_language_count_in_its_countries(text: str, sender: str) -> None:
    assert keyword_of(text, sender) is Keyword.STOP


@pytest.mark.parametrize(("text", "sender"), [("BAJA", GERMAN), ("RET", US), ("RED", GERMAN), ("ARRET", POLISH)])
def test_a_word_of_another_country_is_none(text: str, sender: str) -> None:
    assert keyword_of(text, sender) is None


@pytest.mark.parametrize(
    "text", ["stop", " Stop. ", "STOP!!!", '"STOP"', "stop\n", "S T O P", "\u200bSTOP", "ＳＴＯＰ", "stop 🛑"]
)
def test_case_accents_and_what_stands_around_do_not_matter(text: str) -> None:
    assert keyword_of(text, GERMAN) is Keyword.STOP


@pytest.mark.parametrize("text", ["please stop", "stop by at 5", "STOP PLEASE", "nonstop", "", "?!", "🛑", "no"])
def test_only_the_whole_message_is_a_keyword(text: str) -> None:
    assert keyword_of(text, GERMAN) is None


@pytest.mark.parametrize(
    ("text", "sender", "keyword"),
    [
        ("start", GERMAN, Keyword.START), ("Unstop", US, Keyword.START), ("YES", US, Keyword.START),
        ("ALTA", SPANISH, Keyword.START), ("ALTA", GERMAN, None), ("help", US, Keyword.HELP),
        ("Info?", FRENCH, Keyword.HELP),
        ("Hilfe", GERMAN, Keyword.HELP), ("Hilfe", US, None),
    ],
)  # fmt: skip
def test_to_come_back_and_to_get_help(text: str, sender: str, keyword: Keyword | None) -> None:
    assert keyword_of(text, sender) is keyword


def test_of_a_number_of_no_country_every_stop_counts_and_no_foreign_start() -> None:
    assert keyword_of("הסר", "12345") is Keyword.STOP
    assert keyword_of("ALTA", "12345") is None


def test_the_table_names_countries_there_are_and_no_word_asks_for_two_things_in_one() -> None:
    assert {row.language for row in _TABLE} == {"en", *_REGIONS}
    regions = {region for listed in _REGIONS.values() for region in listed.split()}
    assert regions <= SUPPORTED_REGIONS
    for region in regions:
        meanings: dict[str, set[Keyword]] = {}
        for row in _TABLE:
            if row.language == "en" or region in _REGIONS[row.language].split():
                for word in row.words.split(","):
                    meanings.setdefault(plain_word(word), set()).add(row.keyword)
        assert [word for word, found in meanings.items() if len(found) > 1 or not word] == []


@given(st.text(max_size=200))
def test_no_text_breaks_it_and_its_case_says_nothing(text: str) -> None:
    assert keyword_of(text, US) is keyword_of(text.swapcase().swapcase(), US)
    assert plain_word(plain_word(text)) == plain_word(text)


def test_the_country_of_a_number() -> None:
    assert (region_of(US), region_of(LITHUANIAN), region_of("+80012345678"), region_of("ACME")) == (
        "US",
        "LT",
        None,
        None,
    )
