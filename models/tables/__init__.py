"""The tables. Importing this package makes all of them known to `Base.metadata`."""

from models.tables.accounts import ApiToken, AuditEntry, User
from models.tables.administration import AdminForm, AdminSession, LoginFailure
from models.tables.base import Base
from models.tables.callbacks import InboundMessage, MessageReference, ReportCount, StoredCallback
from models.tables.campaigns import Campaign
from models.tables.contacts import Contact, ContactList, ContactListMember, Suppression
from models.tables.imports import Blob, BlobPart, ContactImport, ImportProblem
from models.tables.machinery import Heartbeat, ProviderCircuit, RateBucket, RateTurn
from models.tables.messages import Event, EventKey, IncomingEvent, Message, Outbox, UncertainMessage
from models.tables.money import LedgerEntry, Price
from models.tables.organizations import Organization
from models.tables.provider_accounts import ProviderAccount
from models.tables.reconciliations import Reconciliation
from models.tables.registrations import DomainRegistration
from models.tables.requests import IdempotencyKey, RequestCount
from models.tables.rollups import DailyCount, RunClient, RunLink, SoftBounce
from models.tables.runs import Chunk, Content, Deferral, DroppedRecipient, Run, RunFlow
from models.tables.senders import EmailDomain, SenderId
from models.tables.sms_replies import SmsReply
from models.tables.templates import EmailTemplate, EmailTemplateVersion
from models.tables.webhooks import WebhookDelivery, WebhookEndpoint

__all__ = [
    "AdminForm",
    "AdminSession",
    "ApiToken",
    "AuditEntry",
    "Base",
    "Blob",
    "BlobPart",
    "Campaign",
    "Chunk",
    "Contact",
    "ContactImport",
    "ContactList",
    "ContactListMember",
    "Content",
    "DailyCount",
    "Deferral",
    "DomainRegistration",
    "DroppedRecipient",
    "EmailDomain",
    "EmailTemplate",
    "EmailTemplateVersion",
    "Event",
    "EventKey",
    "Heartbeat",
    "IdempotencyKey",
    "ImportProblem",
    "InboundMessage",
    "IncomingEvent",
    "LedgerEntry",
    "LoginFailure",
    "Message",
    "MessageReference",
    "Organization",
    "Outbox",
    "Price",
    "ProviderAccount",
    "ProviderCircuit",
    "RateBucket",
    "RateTurn",
    "Reconciliation",
    "ReportCount",
    "RequestCount",
    "Run",
    "RunClient",
    "RunFlow",
    "RunLink",
    "SenderId",
    "SmsReply",
    "SoftBounce",
    "StoredCallback",
    "Suppression",
    "UncertainMessage",
    "User",
    "WebhookDelivery",
    "WebhookEndpoint",
]
