"""Segments of an SMS text: laws, the limits one by one, and another implementation of the alphabet as witness."""

import gsm0338
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import InvalidInput
from models.rules.sms import SEGMENTS_MAX, SmsEncoding, checked_segments, split_sms, units

_CODEC = gsm0338.Codec()
_BMP = [chr(code) for code in range(0x10000) if not 0xD800 <= code <= 0xDFFF]


def _septets(text: str) -> int | None:
    """What the other implementation makes of a text; None where the alphabet has not all of it."""
    try:
        return len(_CODEC.encode(text)[0])
    except UnicodeEncodeError:
        return None


def _is_gsm7(character: str) -> bool:
    # The codec takes the escape itself for a character; alone it stands for nothing (TS 23.038, 6.2.1.1).
    return character != "\x1b" and _septets(character) is not None


_GSM7 = [character for character in _BMP if _is_gsm7(character)]
_gsm7_texts = st.text(st.sampled_from([*_GSM7, *"^{}\\[~]|€\f" * 4]), max_size=700)
_texts = _gsm7_texts | st.text(max_size=300) | st.text(st.sampled_from("aė😀👩\u200d€"), max_size=300)


def test_the_alphabet_is_that_of_the_other_implementation() -> None:
    assert len(_GSM7) == 127 + 10
    for character in _BMP:
        assert (split_sms(character).encoding is SmsEncoding.GSM7) == _is_gsm7(character), ascii(character)


@given(_gsm7_texts)
def test_septets_are_those_of_the_other_implementation(text: str) -> None:
    assert units(text, SmsEncoding.GSM7) == _septets(text)


@given(st.text(max_size=300))
def test_units_are_those_of_utf_16(text: str) -> None:
    assert units(text, SmsEncoding.UCS2) == len(text.encode("utf-16-be")) // 2


@given(_texts)
def test_the_segments_are_the_text_and_none_is_over_its_limit(text: str) -> None:
    sms = split_sms(text)
    whole, part = sms.encoding.limits
    assert "".join(sms.segments) == text
    assert all(units(segment, sms.encoding) <= (whole if len(sms.segments) == 1 else part) for segment in sms.segments)
    assert all(sms.segments) or sms.segments == ("",)


@given(_texts)
def test_each_segment_is_encoded_by_itself_so_no_pair_is_split(text: str) -> None:
    sms = split_sms(text)
    if sms.encoding is SmsEncoding.UCS2:
        assert b"".join(segment.encode("utf-16-be") for segment in sms.segments) == text.encode("utf-16-be")
    else:
        encoded = [_CODEC.encode(segment)[0] for segment in sms.segments]
        assert not any(segment.endswith(b"\x1b") for segment in encoded)
        assert b"".join(encoded) == _CODEC.encode(text)[0]


@given(_texts)
def test_a_segment_ends_only_where_the_next_character_would_not_fit(text: str) -> None:
    sms = split_sms(text)
    for segment, following in zip(sms.segments, sms.segments[1:], strict=False):
        assert units(segment + following[0], sms.encoding) > sms.encoding.limits[1]


@given(_texts, _texts)
def test_a_longer_text_never_has_fewer_segments(text: str, more: str) -> None:
    assert len(split_sms(text).segments) <= len(split_sms(text + more).segments)


@pytest.mark.parametrize(
    ("text", "lengths"),
    [
        ("", [0]),
        ("Hello from ExoSend! Your verification code is 123456.", [53]),
        ("a" * 160, [160]),
        ("a" * 161, [153, 8]),
        ("a" * 153 * 2, [153, 153]),
        ("a" * 158 + "€", [159]),
        ("a" * 159 + "€", [153, 7]),
        ("a" * 152 + "€" + "a" * 10, [152, 11]),  # the pair would be split at 153
        ("€" * 80, [80]),
        ("€" * 81, [76, 5]),
        ("\f" * 81, [76, 5]),
        ("ė" * 70, [70]),
        ("ė" * 71, [67, 4]),
        ("😀" * 35, [35]),
        ("😀" * 70, [33, 33, 4]),  # 67 is odd: a segment has 66
        ("ç" * 70, [70]),  # only the capital is in the alphabet
        ("\x1b" * 71, [67, 4]),
    ],
)
def test_where_a_text_is_split(text: str, lengths: list[int]) -> None:
    assert [len(segment) for segment in split_sms(text).segments] == lengths


@pytest.mark.parametrize(("character", "part"), [("a", 153), ("ė", 67), ("€", 76), ("😀", 33)])
def test_ten_segments_are_the_most(character: str, part: int) -> None:
    assert checked_segments(character * part * SEGMENTS_MAX, "message") == SEGMENTS_MAX
    with pytest.raises(InvalidInput, match="The message field must not be longer than 10 SMS segments; it has 11"):
        checked_segments(character * (part * SEGMENTS_MAX + 1), "message")
