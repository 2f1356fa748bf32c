"""Organizations: list, create, change, top up; and the page that each sees of itself."""

from typing import Any
from uuid import UUID

from flask import render_template, url_for

from api.admin.door import check_organization, visit
from api.admin.schemas import OrganizationChange, OrganizationForm, PageQuery, TopUp, form_values, query_values
from api.admin.section import Done, Section
from models.errors import InvalidInput
from models.rules.roles import Right
from models.store.ledger import has_ledger_entries, latest_entries
from models.store.organizations import (
    change_organization,
    create_organization,
    list_organizations,
    read_organization,
    top_up,
)
from models.store.pages import PageRequest

section = Section("organizations", __name__)

_PER_PAGE = 50
_ENTRIES_SHOWN = 20


@section.page("/organizations", Right.LIST_ORGANIZATIONS)
def show_organizations() -> str:
    """All organizations."""
    number = query_values(PageQuery)["page"] or 1
    return render_template(
        "organizations.html", page=list_organizations(visit().session, PageRequest(number, _PER_PAGE))
    )


@section.page("/organizations/new", Right.MANAGE_ORGANIZATIONS)
def show_new_organization() -> str:
    """The form of a new one."""
    return render_template("organization_new.html")


@section.form("/organizations/new", Right.MANAGE_ORGANIZATIONS, page=show_new_organization)
def create() -> Done:
    """Create an organization, without credits and users."""
    organization = create_organization(visit().session, **form_values(OrganizationForm), actor=visit().who.email)
    return Done(_page(organization.id), f"{organization.name} was created.")


@section.page("/organizations/<id:organization_id>", Right.SEE_ORGANIZATION)
def show_organization(organization_id: UUID) -> str:
    """One organization: what it has, and the last movements of its credits."""
    check_organization(organization_id)
    session = visit().session
    shown: dict[str, Any] = {
        "organization": read_organization(session, organization_id),
        "entries": latest_entries(session, organization_id, _ENTRIES_SHOWN),
        "is_currency_fixed": has_ledger_entries(session, organization_id),
    }
    return render_template("organization.html", **shown)


@section.form("/organizations/<id:organization_id>", Right.MANAGE_ORGANIZATIONS, page=show_organization)
def change(organization_id: UUID) -> Done:
    """Change name, limit, currency, and whether it may do anything at all."""
    values = form_values(OrganizationChange)
    change_organization(visit().session, organization_id, **values, actor=visit().who.email)
    return Done(_page(organization_id), "The organization was changed.")


@section.form("/organizations/<id:organization_id>/top-ups", Right.TOP_UP, page=show_organization)
def add_credits(organization_id: UUID) -> Done:
    """Book a top-up. A reference is booked once, whoever sends it how often."""
    values = form_values(TopUp)
    session = visit().session
    organization = read_organization(session, organization_id)
    amount, reference = values["amount"], values["reference"]
    if not top_up(session, organization_id, amount, reference=reference, actor=visit().who.email):
        raise InvalidInput({"reference": [f"A top-up with the reference {reference} was booked already."]})
    return Done(_page(organization_id), f"{amount.normalize():f} {organization.currency} were booked.")


def _page(organization_id: UUID) -> str:
    return url_for("admin.organizations.show_organization", organization_id=organization_id)
