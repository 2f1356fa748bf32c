"""Reconciling as a Prefect task, and the artifacts that show what came of it."""

from uuid import UUID

from prefect import get_run_logger, task
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.runtime import flow_run

from models.store.reconcile import Difference
from tasks.runs.reconcile import Reconciled, reconcile
from tasks.steps.best_effort import best_effort
from tasks.steps.engine import flow_database

_SHOWN_MAX = 500  # rows: a table of more is read by nobody


@task(name="compare", cache_policy=NO_CACHE)
def compare_all(organization_id: UUID | None, days: int | None) -> Reconciled:
    """Compare all that must be the same, and show what was compared and what differs. Raises NotFound."""
    reconciled = reconcile(flow_database(), organization_id, days=days)
    _publish(reconciled)
    get_run_logger().info("%s", reconciled.summary)
    return reconciled


@best_effort()
def _publish(reconciled: Reconciled) -> None:
    create_table_artifact(
        key="reconcile-laws",
        table=[
            {
                "law": result.law.name,
                "promise": result.law.promise,
                "comparisons": result.comparisons,
                "differences": "not finished in time" if result.unfinished else result.differing,
            }
            for result in reconciled.results
        ],
        description=f"{flow_run.name}: what was compared",
    )
    differences = [each for result in reconciled.results for each in result.differences]
    if differences:
        create_table_artifact(
            key="reconcile-differences",
            table=[_row(each) for each in differences[:_SHOWN_MAX]],
            description=f"{flow_run.name}: {reconciled.differing:,} differences"
            + (f"; the first {_SHOWN_MAX} are shown" if reconciled.differing > _SHOWN_MAX else ""),
        )
    create_markdown_artifact(
        _summary(reconciled), key="reconcile-summary", description=f"{flow_run.name}: what came of it"
    )


def _row(difference: Difference) -> dict[str, str]:
    return {
        "law": difference.law,
        "organization": str(difference.organization_id),
        "what": difference.subject,
        "expected": str(difference.expected),
        "found": str(difference.found),
    }


def _summary(reconciled: Reconciled) -> str:
    lines = ["# Every law holds" if reconciled.is_clean else "# Not everything adds up", "", reconciled.summary, ""]
    lines += [
        f"- **{result.law.name}**: {result.differing:,} differences. {result.law.promise}"
        for result in reconciled.results
        if result.differing
    ]
    lines += [
        f"- **{result.law.name}** was not looked through in time; nothing is known of it."
        for result in reconciled.results
        if result.unfinished
    ]
    return "\n".join(lines)
