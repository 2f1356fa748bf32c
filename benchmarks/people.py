"""Made-up contacts of the kind the demo imports: names in many scripts, companies with commas and quotes."""

import io
from decimal import Decimal
from uuid import UUID

import polars as pl

from models.rules.ids import new_id, run_message_prefix
from models.session import Database
from models.store.frames import write_frame
from models.store.organizations import add_verified_domain, create_organization, top_up
from models.tables import ContactList

_FIRST = ["Þór", "Ștefan", "Marta", "Ines", "Nguyễn", "Oksana", "José", "Emilija", "Ahmed", "Aino", "Kenji", "Wei", ""]
_LAST = [
    "Dvořák",
    "Ångström",
    "Petrauskienė",
    "Žukauskas",
    "Silva",
    "Jensen",
    "Papadopoulos",
    "Ó-Murchú",
    "van der Berg",
]
_COMPANY = [
    "Wayne & Co",
    "Acme Inc",
    'Umbrella "Labs"',
    "Initech",
    "Ąžuolas UAB",
    "Hooli",
    "",
    "Stark; Sons",
    "Globex, Ltd",
]
_PLAN = ["free", "pro", "enterprise", "trial", "free", "pro", "enterprise", "free", "pro", "enterprise"]
_SUPPRESSED_EVERY = 10
_CREDITS = Decimal(1_000_000)
_REQUESTS_A_MINUTE = 1_000_000

SEGMENT = {"custom_fields.plan": ["free", "pro", "enterprise"]}
"""A filter that nine of ten contacts pass."""


def people(count: int) -> pl.DataFrame:
    """`count` rows: email, first_name, last_name, phone, company, plan (String, never null)."""
    number = pl.int_range(count, dtype=pl.Int64)

    def cycled(values: list[str], stride: int) -> pl.Expr:
        return pl.lit(pl.Series(values)).gather(number // stride % len(values))

    digits = (number * 7_654_321 % 10_000_000).cast(pl.String).str.zfill(7)
    return pl.select(
        email=pl.format("person.{}@mail{}.example.com", number, number % 40),
        first_name=cycled(_FIRST, 1),
        last_name=cycled(_LAST, 3),
        phone=pl.when(number % 10 < 7).then(pl.concat_str(pl.lit("+3706"), digits)).otherwise(pl.lit("")),
        company=cycled(_COMPANY, 5),
        plan=cycled(_PLAN, 1),
    )


def csv_of(size: int, *, phones: bool) -> bytes:
    """About `size` bytes of CSV, one row in 50 with something wrong: spaces, capitals, a repeated or broken address."""
    columns = ["email", "first_name", "last_name", *(["phone"] if phones else []), "company", "plan"]
    sample = _written(people(1000).select(columns))
    rows = people(max(50, size * 1000 // len(sample))).select(columns).with_row_index()
    index, email = pl.col("index"), pl.col("email")
    rows = rows.with_columns(
        pl.when(index % 200 == 1)
        .then(pl.format("  {} ", email))
        .when(index % 200 == 51)
        .then(email.str.to_uppercase())
        .when(index % 200 == 101)
        .then(pl.lit("person.0@mail0.example.com"))
        .when(index % 200 == 151)
        .then(pl.lit("not an address"))
        .otherwise(email)
    )
    return _written(rows.drop("index"))


def _written(rows: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    rows.write_csv(buffer, include_bom=True)
    return buffer.getvalue()


def new_organization(database: Database) -> tuple[UUID, UUID]:
    """Ids of a new organization with credits and a domain, and of its empty contact list."""
    list_id = new_id()
    with database.transaction(None) as session:
        organization = create_organization(session, name="Acme", rate_limit=_REQUESTS_A_MINUTE)
        top_up(session, organization.id, _CREDITS, reference="benchmark")
        add_verified_domain(session, organization.id, f"{organization.id}.example.com")
        session.add(ContactList(organization_id=organization.id, id=list_id, name="Everybody"))
    return organization.id, list_id


def organization_with(database: Database, contacts: int, *, suppressed: bool) -> tuple[UUID, UUID]:
    """Ids of an organization and of its list of so many contacts, of whom one in ten is suppressed."""
    organization_id, list_id = new_organization(database)
    number = pl.int_range(pl.len()).cast(pl.String).str.zfill(8)
    rows = people(contacts).select(
        pl.concat_str(pl.lit(run_message_prefix(new_id())), number).alias("id"),
        pl.col("email"),
        pl.col("first_name").replace("", None),
        pl.col("last_name"),
        pl.col("phone").replace("", None),
        custom_fields=pl.struct(pl.col("company").replace("", None), pl.col("plan")).struct.json_encode(),
    )
    own = {"organization_id": organization_id}
    with database.transaction(None) as session:
        write_frame(session, "contacts", rows, own)
        write_frame(session, "contact_list_members", rows.select(contact_id="id"), {**own, "list_id": list_id})
        if suppressed:
            stopped = rows.gather_every(_SUPPRESSED_EVERY).select("id", recipient="email")
            write_frame(session, "suppressions", stopped, {**own, "channel": "email", "reason": "hard_bounce"})
    return organization_id, list_id
