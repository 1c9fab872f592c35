"""What is published; words after a refusal; who was heard, what lied; the back office's line."""

from __future__ import annotations

import base64
import json

import sqlalchemy as sa

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "publications",
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("station", sa.Text, nullable=False),
        sa.Column("issued", sa.Text, nullable=False),
        sa.Column("expires", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("manifest", sa.Text, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.UniqueConstraint("digest", name="uq_publications_digest"),
    )
    _words()
    _operations()
    _handover()


def _words() -> None:
    """A packet knows its last word; a refusal may be followed by others."""
    op.add_column("packets", sa.Column("received", sa.Text, nullable=False, server_default=""))
    op.add_column("packets", sa.Column("word", sa.Text, nullable=False, server_default="stored"))
    last = "SELECT kind FROM receipts r WHERE r.station = p.station AND r.record = p.record"
    op.execute(f"UPDATE packets AS p SET word = ({last} ORDER BY serial DESC LIMIT 1)")  # noqa: S608
    _received()
    op.create_index("ix_packets_word", "packets", ["word", "station", "epoch", "seq"])
    op.create_index("ix_packets_received", "packets", ["station", "received", "size"])
    op.create_index("ix_packets_folio", "packets", ["folio"])
    op.create_index("ix_packets_record", "packets", ["record"])
    texts = ("record", "kind", "body", "signature", "public_key")
    op.create_table(
        "receipts_new",
        sa.Column("station", sa.Text, nullable=False),
        sa.Column("serial", sa.Integer, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in texts),
        sa.PrimaryKeyConstraint("station", "serial", name=op.f("pk_receipts")),
        sa.ForeignKeyConstraint(
            ["station", "record"],
            ["packets.station", "packets.record"],
            name=op.f("fk_receipts_station_packets"),
        ),
        sa.CheckConstraint(
            "kind IN ('stored', 'opened', 'refused', 'retry', 'discard')",
            name=op.f("ck_receipts_kind"),
        ),
    )
    columns = "station, serial, record, kind, body, signature, public_key"
    op.execute(f"INSERT INTO receipts_new ({columns}) SELECT {columns} FROM receipts")  # noqa: S608
    op.drop_table("receipts")
    op.rename_table("receipts_new", "receipts")
    op.create_index("ix_receipts_record", "receipts", ["station", "record", "serial"])
    final = sa.text("kind IN ('opened', 'discard')")
    op.create_index(
        "uq_receipts_last", "receipts", ["station", "record"], unique=True, sqlite_where=final
    )
    op.create_table(
        "rulings",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("station", sa.Text, nullable=False),
        sa.Column("record", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("utc", sa.Text, nullable=False),
        sa.Column("operators", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("approvals", sa.Text, nullable=False),
    )


def _received() -> None:
    """When each packet was stored, as its receipt says."""
    books = op.get_bind()
    stored = "SELECT station, record, body FROM receipts WHERE kind = 'stored'"
    for station, record, body in books.exec_driver_sql(stored).fetchall():
        time = json.loads(base64.b64decode(body))["time"]
        books.exec_driver_sql(
            "UPDATE packets SET received = ? WHERE station = ? AND record = ?",
            (time, station, record),
        )


def _operations() -> None:
    op.create_table(
        "contacts",
        sa.Column("station", sa.Text, sa.ForeignKey("stations.station"), primary_key=True),
        sa.Column("utc", sa.Text, nullable=False),
    )
    op.create_table(
        "rejections",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("utc", sa.Text, nullable=False),
        sa.Column("station", sa.Text, nullable=False),
        sa.Column("record", sa.Text, nullable=False),
        sa.Column("carrier", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
    )


def _handover() -> None:
    """What was opened before stands first in the back office's line."""
    op.create_table(
        "handover",
        sa.Column("n", sa.Integer, primary_key=True),
        sa.Column("station", sa.Text, nullable=False),
        sa.Column("record", sa.Text, nullable=False),
        sa.Column("opened", sa.Text, nullable=False),
        sa.Column("acked", sa.Text),
        sa.Column("by", sa.Text),
        sa.ForeignKeyConstraint(["station", "record"], ["packets.station", "packets.record"]),
        sa.UniqueConstraint("station", "record", name="uq_handover_station"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_handover_acked", "handover", ["acked", "n"])
    op.execute(
        "INSERT INTO handover (station, record, opened) SELECT station, record, '' FROM packets"
        " WHERE word = 'opened' ORDER BY station, epoch, seq"
    )
    op.create_table(
        "clients",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("token_sha256", sa.Text, nullable=False),
        sa.Column("added", sa.Text, nullable=False),
        sa.Column("revoked", sa.Text),
        sa.UniqueConstraint("token_sha256", name="uq_clients_token_sha256"),
    )
    op.create_table(
        "decisions",
        sa.Column("station", sa.Text, primary_key=True),
        sa.Column("record", sa.Text, primary_key=True),
        sa.Column("decided", sa.Text, nullable=False),
        sa.Column("received", sa.Text, nullable=False),
        sa.Column("client", sa.Text, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("published", sa.Integer, nullable=False, server_default="0"),
        sa.ForeignKeyConstraint(["station", "record"], ["packets.station", "packets.record"]),
    )


def downgrade() -> None:
    raise NotImplementedError("words after a refusal have no place in the older books")
