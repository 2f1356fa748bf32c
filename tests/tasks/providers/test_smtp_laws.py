"""Whatever the server does, no message is lost and nothing certain is wrong."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.providers.base import OutcomeKind
from tasks.providers.smtp_commands import dot_stuffed
from tasks.providers.smtp_reader import ReplyReader

RECIPIENTS = [f"user{number}@example.net" for number in range(30)]
REPLIES = ["250 2.0.0 Ok", "354 Go on", "421 4.3.2 Bye", "451 4.3.0 Later", "503 5.5.1 What", "550 5.1.1 No"]


@st.composite
def faults(draw):
    step = draw(st.sampled_from(["connect", "mail", "rcpt", "data", "final"]))
    actions = ["reply", "close", "garbage"]
    if step == "final":
        actions += ["accept_close", "accept_garbage", "accept_hang", "hang"]
    fault = {"at": step, "action": draw(st.sampled_from(actions)), "every": draw(st.integers(2, 9))}
    fault["reply"] = draw(st.sampled_from(REPLIES))
    fault["after_messages"] = draw(st.integers(0, 3))
    if step not in {"connect", "mail"} and draw(st.booleans()):
        fault["recipient"] = draw(st.sampled_from(["*", "user1*", "user7@*"]))
        fault["first"] = draw(st.integers(1, 3))
    return fault


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rules=st.lists(faults(), max_size=3), pipelining=st.booleans(), connections=st.integers(1, 4))
def test_the_sinks_log_bears_out_every_certain_outcome(send_to_sink, make_messages, rules, pipelining, connections):
    options = f"connections={connections}&timeout=0.2"
    sent = send_to_sink(make_messages(RECIPIENTS), *rules, options=options, pipelining=pipelining)
    assert len(sent.outcomes) == len(RECIPIENTS)
    kinds = dict(zip(RECIPIENTS, sent.kinds, strict=True))
    accepted = {recipient for recipient, kind in kinds.items() if kind is OutcomeKind.ACCEPTED}
    uncertain = {recipient for recipient, kind in kinds.items() if kind is OutcomeKind.UNCERTAIN}
    assert accepted <= set(sent.accepted)
    assert set(sent.accepted) - accepted <= uncertain
    assert all(times == 1 for times in sent.accepted.values())


LINES = st.lists(st.sampled_from([b"", b".", b"..", b".a", b"a.", b"Hello"]), max_size=8).map(b"\r\n".join)


@given(LINES)
def test_a_quoted_body_reads_back_as_it_was_and_holds_no_end(content):
    quoted = dot_stuffed(content)
    assert quoted.endswith(b"\r\n")
    assert b"\r\n.\r\n" not in b"\r\n" + quoted
    lines = quoted.split(b"\r\n")
    read = b"\r\n".join(line[1:] if line.startswith(b".") else line for line in lines)
    assert read in {content, content + b"\r\n"}


@given(st.binary(max_size=60))
def test_no_bare_line_feed_makes_an_end_of_the_body(content):
    assert b"\n.\n" not in dot_stuffed(content)
    assert b"\n.\r\n" not in dot_stuffed(content)


class Recorder(ReplyReader):
    """Keeps the replies that it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.lost = False
        self.replies = []
        self._answer = self.replies.append

    def _garbage(self, line):
        self.lost = True


REPLY = st.tuples(st.integers(200, 599), st.lists(st.sampled_from(["Ok", "", "2.0.0 Fine"]), min_size=1, max_size=3))


@given(st.lists(REPLY, max_size=6), st.data())
def test_replies_are_the_same_however_the_network_cuts_them(replies, data):
    whole = [
        "\r\n".join([*(f"{code}-{text}" for text in texts[:-1]), f"{code} {texts[-1]}"]) + "\r\n"
        for code, texts in replies
    ]
    stream = "".join(whole).encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=10)))
    reader = Recorder()
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        reader.data_received(stream[start:end])
    assert not reader.lost
    assert [reply.decode().strip("\r") for reply in reader.replies] == [text.rstrip("\r\n") for text in whole]


@given(st.binary(max_size=200))
def test_anything_at_all_is_either_a_reply_or_garbage(stream):
    reader = Recorder()
    reader.data_received(stream + b"\r\n")
    assert reader.lost or all(reply[:1] in b"2345" for reply in reader.replies)
