"""What exosend_api may do with which table: letters of Select, Insert, Update, Delete. Others it may not touch."""

API_PRIVILEGES = {
    **dict.fromkeys(["alembic_version", "deferrals", "dropped_recipients", "events", "heartbeats", "prices"], "S"),
    **dict.fromkeys(["daily_counts", "provider_circuits", "run_clients", "run_links", "sms_replies"], "S"),
    "domain_registrations": "S",
    **dict.fromkeys(["audit_log", "ledger_entries"], "SI"),
    "organizations": "SIU",
    "admin_forms": "SIU",
    "outbox": "I",
    "webhook_deliveries": "SIU",
    "webhook_endpoints": "SIUD",
    "uncertain_messages": "SU",
    **dict.fromkeys(["chunks", "contents", "messages", "run_flows", "runs"], "SIU"),
    **dict.fromkeys(["api_tokens", "users", "email_domains", "sender_ids"], "SIUD"),
    **dict.fromkeys(["contacts", "contact_lists", "contact_list_members", "suppressions"], "SIUD"),
    **dict.fromkeys(["campaigns", "email_templates", "email_template_versions"], "SIUD"),
    **dict.fromkeys(["blobs", "blob_parts", "imports", "import_problems", "idempotency_keys"], "SIUD"),
}
