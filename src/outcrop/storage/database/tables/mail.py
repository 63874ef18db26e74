"""Mail identities, templates and configuration sets of SES, and the outbox of every mail that was accepted.

What a message says is sealed under the service key of SES: the outbox holds confirmation codes and reports.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
)

from outcrop.storage.database.tables import metadata

mail_identities = Table(
    "mail_identities",
    metadata,
    Column("region", Text, nullable=False),
    # An address or a domain, in lower case but for the local part of an address.
    Column("name", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    # Pending, Success or Failed, as SES v1 spells them.
    Column("status", Text, nullable=False),
    Column("verified_us", BigInteger),
    # SHA-256 of the code that was mailed; NULL for domains.
    Column("code_digest", Text),
    Column("code_expires_us", BigInteger),
    # The TXT value of a domain; shown to callers, opens nothing.
    Column("token", Text, nullable=False),
    # Notification topics, DKIM, MAIL FROM, feedback, configuration set: by member, JSON.
    Column("attributes_json", Text, nullable=False),
    # Policies by name, JSON.
    Column("policies_json", Text, nullable=False),
    PrimaryKeyConstraint("region", "name"),
    sqlite_with_rowid=False,
)

mail_templates = Table(
    "mail_templates",
    metadata,
    Column("region", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    # NULL where a template has none of it.
    Column("subject", Text),
    Column("text", Text),
    Column("html", Text),
    PrimaryKeyConstraint("region", "name"),
    sqlite_with_rowid=False,
)

mail_configuration_sets = Table(
    "mail_configuration_sets",
    metadata,
    Column("region", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    # Options by SES v2's member names, JSON.
    Column("options_json", Text, nullable=False),
    PrimaryKeyConstraint("region", "name"),
    sqlite_with_rowid=False,
)

outbox = Table(
    "outbox",
    metadata,
    # SES's MessageId, also in the message's Message-ID header.
    Column("id", Text, primary_key=True),
    Column("region", Text, nullable=False),
    # "ses", "sns", or "verification" for requests to prove an address.
    Column("service", Text, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    # MailState of storage/mail.py by value.
    Column("state", Text, nullable=False),
    Column("sender", Text, nullable=False),
    Column("recipients_json", Text, nullable=False),
    # Of the recipients, those that no server has taken or refused yet.
    Column("pending_json", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("size_bytes", Integer, nullable=False),
    Column("message", LargeBinary, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_us", BigInteger, nullable=False),
    Column("ended_us", BigInteger),
    # What a mail server said last.
    Column("detail", Text, nullable=False),
    # Of the work that sent it, where that may be done twice: see aws/trace_header.py.
    Column("lineage_root", Text),
    Column("lineage_run", Text),
    Index("ix_outbox_lineage_root", "lineage_root"),
    Index("ix_outbox_state_next_us", "state", "next_us"),
    Index("ix_outbox_created_us", "created_us"),
)
