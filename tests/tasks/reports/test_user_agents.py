"""Devices and mail clients by user agent."""

import pytest

from tasks.providers.sandbox_reports import USER_AGENTS
from tasks.reports.user_agents import Reader, reader_of

ANDROID = "Mozilla/5.0 (Linux; Android 14; {}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 {}Safari/537.36"


@pytest.mark.parametrize(
    ("user_agent", "device", "client"),
    [
        (USER_AGENTS[0], "Desktop", "Chrome"),
        (USER_AGENTS[1], "Unknown", "Gmail"),
        (USER_AGENTS[2], "Desktop", "Outlook"),
        (USER_AGENTS[3], "Desktop", "Apple Mail"),
        (USER_AGENTS[4], "Mobile", "Apple Mail"),
        (USER_AGENTS[5], "Tablet", "Apple Mail"),
        (USER_AGENTS[6], "Desktop", "Thunderbird"),
        (ANDROID.format("Pixel 8", "Mobile "), "Mobile", "Chrome Mobile"),
        (ANDROID.format("SM-X906C", ""), "Tablet", "Chrome"),
        ("Outlook-iOS/723.4027091.prod.iphone (4.0.0)", "Mobile", "Outlook"),
        ("Outlook-Android/2.0", "Mobile", "Outlook"),
        ("YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html", "Unknown", "Yahoo Mail"),
        ("", "Unknown", "Unknown"),
        ("something nobody knows", "Unknown", "Unknown"),
    ],
)
def test_it_names_the_device_and_the_client(user_agent: str, device: str, client: str) -> None:
    assert reader_of(user_agent) == Reader(device, client)


@pytest.mark.parametrize(
    "user_agent",
    [
        "Mozilla/5.0",
        "Barracuda Sentinel (EE)",
        "python-requests/2.32",
        "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/130.0 Safari/537.36",
    ],
)
def test_proxies_and_scanners_are_machines(user_agent: str) -> None:
    assert reader_of(user_agent).is_machine


def test_the_lists_do_not_mind_the_length() -> None:
    assert reader_of("Mozilla/5.0 (Windows NT 10.0) " + "x" * 100_000).device == "Desktop"
