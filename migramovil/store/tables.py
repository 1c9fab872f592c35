"""The tables of both stores, and the rules the database itself keeps."""

from __future__ import annotations

from sqlalchemy import (
    CheckConstraint,
    Column,
    Computed,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

_NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

# --- outbox: nothing personal -----------------------------------------------------
outbox = MetaData(naming_convention=_NAMES)

# `seq` is the last number given in `epoch`: gap-free.
station = Table(
    "station",
    outbox,
    Column("id", Integer, primary_key=True),
    Column("station", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("place", Text, nullable=False),
    Column("realm", Text, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("url", Text, nullable=False),
    Column("descriptor", Text, nullable=False),
    Column("transport", LargeBinary, nullable=False),
    Column("seq", Integer, nullable=False),
    CheckConstraint("id = 1", name="only_one"),
    CheckConstraint("realm IN ('training', 'production')", name="realm"),
    CheckConstraint("epoch >= 0 AND seq >= 0", name="counts_up"),
)

# A record's state is what headquarters' words say, worked out by the database: it cannot disagree
# with the receipts held. A refusal without a signature never outweighs a signed word.
STATE = (
    "CASE WHEN opened_receipt IS NOT NULL THEN 'opened'"
    " WHEN refused_receipt IS NOT NULL THEN 'refused'"
    " WHEN stored_receipt IS NOT NULL THEN 'stored'"
    " WHEN refusal IS NOT NULL THEN 'refused' ELSE 'sealed' END"
)

records = Table(
    "records",
    outbox,
    Column("record", Text, primary_key=True),
    Column("station", Text, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("seq", Integer, nullable=False),
    Column("folio", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("size", Integer, nullable=False),
    Column("sealed_utc", Text, nullable=False),
    Column("file", Text, nullable=False),
    Column("stored_receipt", Integer, ForeignKey("receipts.id")),
    Column("opened_receipt", Integer, ForeignKey("receipts.id")),
    Column("refused_receipt", Integer, ForeignKey("receipts.id")),
    Column("refusal", Text),
    Column("state", Text, Computed(STATE, persisted=True), nullable=False),
    UniqueConstraint("station", "epoch", "seq"),
    UniqueConstraint("file"),
    CheckConstraint("seq > 0 AND size > 0", name="counts_up"),
    CheckConstraint("length(digest) = 64", name="digest"),
    Index(None, "state", "epoch", "seq"),
    Index(None, "epoch", "seq"),
    Index(None, "folio"),
)

# No foreign key back: the record points here, so that a state needs a receipt that exists.
receipts = Table(
    "receipts",
    outbox,
    Column("id", Integer, primary_key=True),
    Column("record", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("signature", Text, nullable=False),
    Column("public_key", Text, nullable=False),
    UniqueConstraint("record", "body", "signature"),
    CheckConstraint("kind IN ('stored', 'opened', 'refused', 'retry', 'discard')", name="kind"),
)

# A packet whose file is gone, and the word of headquarters that allowed it.
deletions = Table(
    "deletions",
    outbox,
    Column("record", Text, ForeignKey("records.record"), primary_key=True),
    Column("receipt", Integer, ForeignKey("receipts.id"), nullable=False),
    Column("utc", Text, nullable=False),
)

# Epochs that ended here, and the last number each gave: what the ledger still answers for.
epochs = Table(
    "epochs",
    outbox,
    Column("station", Text, primary_key=True),
    Column("epoch", Integer, primary_key=True),
    Column("seq", Integer, nullable=False),
    CheckConstraint("epoch >= 0 AND seq >= 0", name="counts_up"),
)

# Small signed messages for headquarters, sealed where they are personal; `answer` is its word.
letters = Table(
    "letters",
    outbox,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("utc", Text, nullable=False),
    Column("answer", LargeBinary),
)

# Failed entrances, by a keyed hash of the name.
attempts = Table(
    "attempts",
    outbox,
    Column("who", Text, primary_key=True),
    Column("failures", Integer, nullable=False),
    CheckConstraint("failures > 0", name="counts_up"),
)

# What the station remembers while locked: the last backup, the last time headquarters signed.
marks = Table(
    "marks",
    outbox,
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

# What headquarters sent down, the newest version of each kind: signed, personal kinds still sealed.
# Without `body` its time is over and only its number is remembered.
downloads = Table(
    "downloads",
    outbox,
    Column("kind", Text, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("manifest", LargeBinary, nullable=False),
    Column("body", LargeBinary),
    Column("utc", Text, nullable=False),
    CheckConstraint("version > 0", name="counts_up"),
)

# A record that was copied to a medium, when last and how often: a mark on it, never a state.
exports = Table(
    "exports",
    outbox,
    Column("record", Text, ForeignKey("records.record"), primary_key=True),
    Column("utc", Text, nullable=False),
    Column("times", Integer, nullable=False),
    CheckConstraint("times > 0", name="counts_up"),
)

# --- vault: opens with a person's slot only ---------------------------------------
vault = MetaData(naming_convention=_NAMES)

settings = Table(
    "settings",
    vault,
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

station_keys = Table(
    "station_keys",
    vault,
    Column("id", Integer, primary_key=True),
    Column("signer", LargeBinary, nullable=False),
    Column("opener", LargeBinary, nullable=False),
    CheckConstraint("id = 1", name="only_one"),
)

accounts = Table(
    "accounts",
    vault,
    Column("account", Text, primary_key=True),
    Column("body", LargeBinary, nullable=False),
)

drafts = Table(
    "drafts",
    vault,
    Column("record", Text, primary_key=True),
    Column("schema", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("key", LargeBinary, nullable=False),
    Column("updated_utc", Text, nullable=False),
    Column("restored", Integer, nullable=False, server_default="0"),
    CheckConstraint("length(key) = 32", name="key"),
)

media = Table(
    "media",
    vault,
    Column("object", Text, primary_key=True),
    Column("record", Text, ForeignKey("drafts.record", ondelete="CASCADE"), nullable=False),
    Column("file", Text, nullable=False),
    UniqueConstraint("file"),
    Index(None, "record"),
)

audit = Table(
    "audit",
    vault,
    Column("n", Integer, primary_key=True),
    Column("actor", Text, nullable=False),
    Column("act", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("utc", Text, nullable=False),
    Column("hash", Text, nullable=False),
    Column("doubt_s", Integer),
    Column("signature", LargeBinary),
    CheckConstraint("n > 0", name="counts_up"),
    CheckConstraint("length(hash) = 64", name="hash"),
)

# What people here signed about something other than a finished record.
acts = Table(
    "acts",
    vault,
    Column("id", Text, primary_key=True),
    Column("act", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("utc", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Index(None, "subject"),
)

# What must stay readable after a finish, one compartment per jornada; without its key, nothing is.
compartments = Table(
    "compartments",
    vault,
    Column("jornada", Text, primary_key=True),
    Column("purpose", Text, nullable=False),
    Column("opened_utc", Text, nullable=False),
    Column("ends_utc", Text, nullable=False),
    Column("key", LargeBinary),
    Column("destroyed_utc", Text),
    CheckConstraint("(key IS NULL) = (destroyed_utc IS NOT NULL)", name="destroyed"),
    CheckConstraint("key IS NULL OR length(key) = 32", name="key"),
)

kept = Table(
    "kept",
    vault,
    Column("id", Text, primary_key=True),
    Column("jornada", Text, ForeignKey("compartments.jornada"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("record", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("utc", Text, nullable=False),
    Index(None, "jornada", "kind"),
    Index(None, "record"),
)
