"""What a person asks for by an SMS of one word: to get no more, to get them again, or help. Words are data, and pure.

A message is a keyword only as a whole: "STOP" and "stop!" are, "please stop by" is none. Which words count follows from
the country of the number that wrote; English ones count everywhere. A STOP that is not understood is against the law
nearly everywhere, one too many costs a message: so there are many words for it. To come back needs the very word.

Where the words are from, as read in November 2026:
- carriers: CTIA, "Messaging Principles and Best Practices" 5.1.3, and what vendors do by default for it: Twilio,
  https://help.twilio.com/articles/223134027 (STOP, STOPALL, UNSUBSCRIBE, CANCEL, END, QUIT; START, YES, UNSTOP; HELP,
  INFO), and Telnyx, https://developers.telnyx.com/docs/messaging/messages/advanced-opt-in-out (STOP ALL).
- law: 47 CFR 64.1200(a)(10): "stop", "quit", "end", "revoke", "opt out", "cancel", "unsubscribe".
- aws: https://docs.aws.amazon.com/sms-voice/latest/userguide/keywords-required.html (ARRET, OPT-OUT, REMOVE, TD).
- twilio proxy: https://www.twilio.com/docs/proxy/opt-out-keywords (ARRET, ARRETT, ARRETE).
- bronto: https://help.bronto.com, "View The SMS Short Code Stop Message" (Norwegian STOPP).
- usage: the word that advertising in that language names, or the plain translation of "stop" or "unsubscribe"; no page
  binds it.
"""

import functools
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from phonenumbers import NumberParseException, parse, region_code_for_number

_LONGEST = 40  # characters: no keyword with all its punctuation is longer


class Keyword(StrEnum):
    """What is asked for."""

    STOP = "stop"
    START = "start"
    HELP = "help"


@dataclass(frozen=True, slots=True)
class _Words:
    keyword: Keyword
    language: str
    words: str  # separated by commas
    source: str


_TABLE = (
    _Words(Keyword.STOP, "en", "STOP, STOPALL, UNSUBSCRIBE, CANCEL, END, QUIT", "carriers"),
    _Words(Keyword.STOP, "en", "REVOKE, OPT OUT", "law"),
    _Words(Keyword.STOP, "en", "REMOVE", "aws"),
    _Words(Keyword.START, "en", "START, UNSTOP, YES", "carriers"),
    _Words(Keyword.HELP, "en", "HELP, INFO", "carriers"),
    _Words(Keyword.STOP, "ar", "إيقاف, ايقاف, الغاء, إلغاء", "usage"),
    _Words(Keyword.STOP, "bg", "СТОП, ОТКАЗ, ОТПИШИ", "usage"),
    _Words(Keyword.STOP, "cs", "STOP, ODHLASIT, ZRUSIT", "usage"),
    _Words(Keyword.STOP, "da", "STOP, AFMELD, FRAMELD", "usage"),
    _Words(Keyword.STOP, "de", "STOPP, ABMELDEN, ABBESTELLEN", "usage"),
    _Words(Keyword.HELP, "de", "HILFE", "usage"),
    _Words(Keyword.STOP, "el", "ΣΤΟΠ, ΔΙΑΓΡΑΦΗ", "usage"),
    _Words(Keyword.STOP, "es", "ALTO, BAJA, PARAR, CANCELAR, DETENER", "usage"),
    _Words(Keyword.START, "es", "ALTA", "usage"),
    _Words(Keyword.HELP, "es", "AYUDA", "usage"),
    _Words(Keyword.STOP, "et", "STOPP, LOOBU, LOPETA", "usage"),
    _Words(Keyword.STOP, "fi", "LOPETA, PERUUTA, SEIS", "usage"),
    _Words(Keyword.STOP, "fr", "ARRET, ARRETE, ARRETT", "twilio proxy"),
    _Words(Keyword.STOP, "fr", "ARRETER, DESABONNER, DESINSCRIRE, DESINSCRIPTION", "usage"),
    _Words(Keyword.HELP, "fr", "AIDE", "usage"),
    _Words(Keyword.STOP, "he", "הסר, הסרה, הפסק", "usage"),
    _Words(Keyword.STOP, "hr", "ODJAVA, ODJAVI", "usage"),
    _Words(Keyword.STOP, "hu", "LEALLIT, LEIRATKOZAS, LEMONDAS", "usage"),
    _Words(Keyword.STOP, "id", "BERHENTI, BATAL", "usage"),
    _Words(Keyword.STOP, "it", "ANNULLA, BASTA, CANCELLA, DISISCRIVI, FERMA", "usage"),
    _Words(Keyword.HELP, "it", "AIUTO", "usage"),
    _Words(Keyword.STOP, "ja", "停止, 配信停止, ストップ", "usage"),
    _Words(Keyword.STOP, "ko", "수신거부, 거부, 중지", "usage"),
    _Words(Keyword.STOP, "lt", "STABDYTI, ATSISAKYTI, ATSISAKAU, NEBESIUSTI", "usage"),
    _Words(Keyword.HELP, "lt", "PAGALBA", "usage"),
    _Words(Keyword.STOP, "lv", "STOPS, ATTEIKTIES, ATTEIKT, ATSAKOS", "usage"),
    _Words(Keyword.STOP, "nl", "AFMELDEN, STOPPEN, UITSCHRIJVEN", "usage"),
    _Words(Keyword.STOP, "no", "STOPP", "bronto"),
    _Words(Keyword.STOP, "no", "AVMELD, AVSLUTT, SLUTT", "usage"),
    _Words(Keyword.STOP, "pl", "REZYGNUJE, REZYGNACJA, WYPISZ, KONIEC", "usage"),
    _Words(Keyword.HELP, "pl", "POMOC", "usage"),
    _Words(Keyword.STOP, "pt", "CANCELAR, PARAR, PARE, REMOVER, SAIR", "usage"),
    _Words(Keyword.HELP, "pt", "AJUDA", "usage"),
    _Words(Keyword.STOP, "ro", "DEZABONARE, DEZABONEAZA, OPRESTE, RENUNT", "usage"),
    _Words(Keyword.STOP, "ru", "СТОП, ОТПИСАТЬСЯ, ОТПИСКА, ОТМЕНА", "usage"),
    _Words(Keyword.STOP, "sk", "ODHLASIT, ZRUSIT", "usage"),
    _Words(Keyword.STOP, "sl", "ODJAVA, ODJAVI", "usage"),
    _Words(Keyword.STOP, "sv", "STOPP, AVBRYT, AVREGISTRERA, AVSLUTA", "usage"),
    _Words(Keyword.STOP, "tr", "RET, RED, DUR, IPTAL", "usage"),
    _Words(Keyword.STOP, "uk", "СТОП, ВІДПИСАТИСЯ, ВІДМОВА", "usage"),
    _Words(Keyword.STOP, "vi", "HUY, TU CHOI, TC", "usage"),
    _Words(Keyword.STOP, "zh", "TD", "aws"),
    _Words(Keyword.STOP, "zh", "退订, 退訂, 停止, 取消", "usage"),
)

# The countries where a language is one that advertising is written in.
_REGIONS: Mapping[str, str] = {
    "ar": "AE BH DZ EG IL IQ JO KW LB LY MA MR OM PS QA SA SD SY TN YE",
    "bg": "BG",
    "cs": "CZ SK",
    "da": "DK FO GL",
    "de": "AT BE CH DE IT LI LU",
    "el": "CY GR",
    "es": "AR BO CL CO CR CU DO EC ES GQ GT HN MX NI PA PE PR PY SV US UY VE",
    "et": "EE",
    "fi": "FI",
    "fr": "BE BF BI BJ BL CA CD CF CG CH CI CM DJ DZ FR GA GF GN GP GQ HT KM LU MA MC MF MG ML MQ MR MU NC NE PF PM RE"
    " RW SC SN TD TG TN VU WF YT",
    "he": "IL",
    "hr": "BA HR ME RS",
    "hu": "HU RO SK",
    "id": "BN ID MY SG",
    "it": "CH IT SM VA",
    "ja": "JP",
    "ko": "KR",
    "lt": "LT",
    "lv": "LV",
    "nl": "AW BE BQ CW NL SR SX",
    "no": "NO SJ",
    "pl": "PL",
    "pt": "AO BR CV GW MO MZ PT ST TL",
    "ro": "MD RO",
    "ru": "AM AZ BY EE GE KG KZ LT LV MD RU TJ TM UA UZ",
    "sk": "CZ SK",
    "sl": "SI",
    "sv": "AX FI SE",
    "tr": "CY TR",
    "uk": "UA",
    "vi": "VN",
    "zh": "CN HK MO MY SG TW",
}

# Letters that Unicode does not take apart into a plain one and its mark.
_PLAIN = str.maketrans({"ł": "l", "ø": "o", "đ": "d", "ı": "i", "æ": "ae", "œ": "oe"})


def plain_word(text: str) -> str:
    """The text as keywords are compared: letters and digits alone, without case and accents. "Opt-Out!" is "optout"."""
    # Twice: letters of formulas (U+1D468) have a case only when they are plain ones.
    marked = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return "".join(character for character in marked if character.isalnum()).translate(_PLAIN)


def region_of(sender: str) -> str | None:
    """The country of a number in E.164 (ISO 3166); None of a short code, or of a number of no country."""
    try:
        region = region_code_for_number(parse(sender))
    except NumberParseException:
        return None
    return None if region is None or region == "001" else str(region)


def keyword_of(text: str, sender: str) -> Keyword | None:
    """What the whole text asks for; None of an ordinary message. Where the sender's country is not known the words for
    STOP count in every language, and the others in English."""
    if len(text) > _LONGEST:
        return None
    return _words_of(region_of(sender)).get(plain_word(text))


@functools.cache
def _words_of(region: str | None) -> Mapping[str, Keyword]:
    return {
        plain_word(word): row.keyword
        for row in reversed(_TABLE)  # English, which stands first, has the last word
        if _counts(row, region)
        for word in row.words.split(",")
    }


def _counts(row: _Words, region: str | None) -> bool:
    if row.language == "en":
        return True
    if region is None:
        return row.keyword is Keyword.STOP
    return region in _REGIONS[row.language].split()
