"""`exosend prices`."""

from pathlib import Path

from deployments.connection import engine_session
from models.errors import SetupError
from models.rules.price_list import parse_price_list
from models.store.prices import load_prices

_BYTES_MAX = 16 * 1024 * 1024


def load(file: Path, /, *, data_dir: Path | None = None) -> None:
    """Load price lists from a CSV file with the columns channel, prefix, currency, price and valid_from.

    All lines of one channel, currency and day are one list. It is in force from that day (UTC) on, as a whole, until a
    later one begins, and takes the place of one of the same day. Nothing is loaded when a line is wrong.

    Parameters
    ----------
    file
        The CSV. channel: sms or email; prefix: digits of E.164 numbers without +, empty for email; price: of a
        segment of an SMS, or of an email. Lines that begin with # are comments.
    data_dir
        Folder of a running stack (EXOSEND_DATA_DIR, else .exosend); not used when EXOSEND_DATABASE_URL is set.
    """
    prices = parse_price_list(_lines(file))
    with engine_session("prices load", data_dir) as session:
        loaded = load_prices(session, prices, actor="operator", source=file.name)
    for each in loaded:
        print(f"{each.prices} prices of {each.channel} in {each.currency}, in force from {each.valid_from}")


def _lines(file: Path) -> list[str]:
    try:
        if file.stat().st_size > _BYTES_MAX:
            raise SetupError(f"{file} is larger than {_BYTES_MAX // 1024 // 1024} MB.")
        return file.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise SetupError(f"{file} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise SetupError(f"{file} is not UTF-8.") from error
