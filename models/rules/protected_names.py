"""Sender names that nobody may ask for: those of banks, authorities and brands that fraud is done under.

A name is protected also in the forms that read like it: another case, separators between its letters, and, of names of
four characters and more, digits and letters that look alike; nor may one of those be the first word of a sender's name
("PAYPAL-1"). Of three characters too many honest names look like one: "GIS" is not "GLS". An operator may give such a
name to whom it belongs (`exosend sender add`). The list is a beginning: names that are abused in many countries, chosen
by us; a country's own banks are for whoever runs ExoSend there to add.
"""

import re
from functools import cache

_NAMES = """
    Adobe, Airbnb, AliExpress, Allegro, AmEx, AmericanExp, Amazon, Apple, AppleID, AppleSupport, BBVA, Barclays,
    Binance, BlikPay, BNP Paribas, Booking, Caixabank, Chase, Citadele, Citibank, Coinbase, Commerzbank, Correos,
    CreditSuisse,
    DHL, DPD, DeutscheBank, Ebay, Europol, Evri, FBI, Facebook, FedEx, GLS, GMail, GOV.UK, Google, HMRC, HSBC, ING,
    ING Bank, InPost, Instagram, Interpol, IRS, Klarna, LP Express, LaPoste, Lloyds, Luminor, Mastercard, Meta,
    Microsoft, Monzo, N26, NatWest, Netflix, NHS, Nordea, Omniva, PKO BP, Paysera, PayPal, Poczta, Police, Polizei,
    PostNL, Rabobank, Revolut, RoyalMail, Santander, SEB, Sodra, Sparkasse, Spotify, Swedbank, Telegram, TikTok, UPS,
    USPS, Venmo, Visa, VMI, Vinted, WellsFargo, WesternUnion, WhatsApp, Wise, Zelle
"""
_LOOSE_LEAST = 4  # characters

# What reads like another character in the fonts of telephones.
_ALIKE = str.maketrans("012345678l", "oizeasgtbi")


def skeleton(name: str) -> str:
    """What a reader takes a name for: without case and separators, and with what looks alike made the same."""
    return _letters(name).translate(_ALIKE).replace("vv", "w").replace("rn", "m")


def protected_by(name: str) -> str | None:
    """The protected name that a sender's name is, or reads like; None where it is free. Numbers are free."""
    if not re.search("[A-Za-z]", name):
        return None
    first = re.split(r"[ ._-]", name.strip(" ._-"), maxsplit=1)[0]
    return _exact().get(_letters(name)) or _loose().get(skeleton(name)) or _loose().get(skeleton(first))


def _letters(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


@cache
def _exact() -> dict[str, str]:
    return {_letters(name): name for name in (each.strip() for each in _NAMES.split(","))}


@cache
def _loose() -> dict[str, str]:
    return {skeleton(name): name for letters, name in _exact().items() if len(letters) >= _LOOSE_LEAST}
