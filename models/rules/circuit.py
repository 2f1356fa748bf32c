"""When a provider is left alone, and for how long.

A circuit breaker (M. Nygard, Release It!, 2nd edition, chapter 5): closed while it works, open after some windows in a
row did not get through, half-open when the pause is over: then one sender tries one small window.
"""

OPEN_AFTER = 3
"""Windows in a row, of all senders, that did not get through."""

FIRST_PAUSE_SECONDS = 5.0
"""Each further one is twice as long."""

LONGEST_PAUSE_SECONDS = 300.0
PROBE_MESSAGES = 10
PROBE_SECONDS = 60.0
"""A sender that tries and says nothing for so long is gone; then another may."""

LONGEST_THROTTLE_SECONDS = 600.0
