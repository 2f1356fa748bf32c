"""A campaign over SMTP from POST /send to completed, through the whole stack, with each phase's share."""

from benchmarks.campaigns import MESSAGE_BYTES
from benchmarks.mail_server import mail_server
from benchmarks.measure import Aim, Bench, Figure, in_turns
from benchmarks.whole_stack import Sent, whole_stack

_MESSAGES = 200_000
_AIM = Aim("at most", now=2.0, goal=1.5)


def measure_campaign(bench: Bench) -> list[Figure]:
    """End to end beside as many messages of Postfix's own pair, and what of it is Prefect's."""
    count = bench.amount(_MESSAGES)
    sent: list[Sent] = []
    with mail_server(bench.folder) as server, whole_stack(bench, server.url) as stack:
        audience = stack.audience(count)

        def product() -> float:
            sent.append(stack.send(audience, stack.draft(audience)))
            return sent[-1].completed

        seconds, limits = in_turns(bench.rounds, product, lambda: server.limit(count, MESSAGE_BYTES))
    best = min(sent, key=lambda campaign: campaign.completed)
    return [
        Figure(
            name="campaign, POST to completed",
            limit_name=server.limit_name,
            amount=count,
            unit="messages",
            product_seconds=seconds,
            limit_seconds=limits,
            aim=_AIM if server.proves else None,
            notes=phases(best),
        ),
        prefect_share("campaign, Prefect's share", best),
    ]


def phases(sent: Sent) -> dict[str, str]:
    """The phases, each with its seconds and its share of the time to completed."""
    spans = {
        "accepting": sent.in_prefect,
        "start of the flow": sent.prefect_start,
        "plan": sent.planned - sent.planning,
        "sending": sent.last_sent - sent.planned,
        "closing": sent.completed - sent.last_sent,
    }
    shown = {name: f"{seconds:.2f} s ({seconds / sent.completed:.0%})" for name, seconds in spans.items()}
    return {**shown, "results and artifacts afterwards": f"{sent.ended - sent.completed:.2f} s"}


def prefect_share(name: str, sent: Sent, aim: Aim | None = None) -> Figure:
    """Seconds that are Prefect's, of those from the POST to the end of the flow run."""
    return Figure(
        name=name,
        limit_name="POST to flow run's end",
        amount=sent.recipients,
        unit="messages",
        product_seconds=(sent.prefect_start + sent.prefect_rest,),
        limit_seconds=(sent.ended,),
        aim=aim,
        notes={
            "its start": f"{sent.prefect_start:.2f} s ({sent.prefect_start / sent.ended:.1%})",
            "task runs, reports and artifacts": f"{sent.prefect_rest:.2f} s ({sent.prefect_rest / sent.ended:.1%})",
        },
    )
