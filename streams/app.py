"""The one place where a Faust app is made, with the settings that measurements asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import faust
import msgspec
from faust.types import TP
from faust.types.transports import TransportT

from headrace.settings import Settings
from streams.chunking import FIRST_RECORDS
from streams.intake import IntakePartitions
from streams.partitions import Partitions
from streams.transport import ChunkTransport


class AppSettings(msgspec.Struct, frozen=True):
    """How a worker talks to Kafka; seconds and bytes."""

    bootstrap: str
    group: str
    session_timeout_s: float = 30.0
    request_timeout_s: float = 60.0
    fetch_bytes: int = 1 << 20
    buffered_chunks: int = 16
    compression: str = "snappy"
    instance_id: str | None = None
    worker_port: int = 6066

    @classmethod
    def of(cls, settings: Settings, group: str, *, port: int) -> AppSettings:
        """Return what *settings* say for a worker of *group* that answers at *port*."""
        return cls(
            bootstrap=settings.bootstrap or "",
            group=group,
            worker_port=port,
            session_timeout_s=settings.session_timeout_s,
            fetch_bytes=settings.fetch_bytes,
            compression=settings.compression,
            instance_id=settings.instance_id,
        )


class HeadraceApp(faust.App):
    """Faust app whose hot topics travel in chunks."""

    hot_topics: frozenset[str] = frozenset()
    merged_topics: frozenset[str] = frozenset()
    partitions: Partitions | None = None
    intake: IntakePartitions | None = None

    def _new_transport(self) -> TransportT:
        return ChunkTransport(self.conf.broker_consumer, self)

    def _new_producer_transport(self) -> TransportT:
        return ChunkTransport(self.conf.broker_producer, self)

    def _create_directories(self) -> None:
        """Create none: no table of ours lives on disk."""

    def chunk_size(self, tp: TP) -> int:
        """Return how many records of *tp* make a chunk now."""
        for owner in (self.partitions, self.intake):
            if owner is not None and tp in owner:
                return owner[tp].sizer.size
        return FIRST_RECORDS

    def positions(self) -> Mapping[TP, int]:
        """Return where reading of each hot partition goes on."""
        owners = [owner for owner in (self.partitions, self.intake) if owner is not None]
        return {tp: offset for owner in owners for tp, offset in owner.positions().items()}

    def paused(self) -> set[TP]:
        """Return the hot partitions that need not be read now."""
        return set() if self.partitions is None else self.partitions.paused()


def build_app(settings: AppSettings) -> HeadraceApp:
    """Return a Faust app for *settings*; nothing connects before it is started.

    Why each value differs from Faust's default: docs/decisions/0002-chunk-transport.md.
    """
    options: dict[str, Any] = {
        "broker": "kafka://" + settings.bootstrap.replace(",", ";kafka://"),
        "origin": None,
        "autodiscover": False,
        "store": "memory://",
        "web_enabled": False,
        "web_host": "127.0.0.1",
        "web_port": settings.worker_port,
        "topic_allow_declare": False,
        "topic_disable_leader": True,
        "broker_session_timeout": settings.session_timeout_s,
        "broker_heartbeat_interval": settings.session_timeout_s / 10,
        "broker_request_timeout": max(settings.request_timeout_s, settings.session_timeout_s + 5),
        "broker_max_poll_records": None,
        "consumer_max_fetch_size": settings.fetch_bytes,
        "consumer_auto_offset_reset": "earliest",
        "consumer_group_instance_id": settings.instance_id,
        "stream_buffer_maxsize": settings.buffered_chunks,
        "stream_wait_empty": False,
        "producer_max_batch_size": 512 << 10,
        "producer_max_request_size": 4 << 20,
        "producer_request_timeout": settings.request_timeout_s,
        "producer_linger": 0.0,
        "producer_compression_type": None if settings.compression == "none" else settings.compression,
        "worker_redirect_stdouts": False,
    }
    if settings.instance_id is not None:
        # A static member that comes back gets its old assignment; Faust insists that it names this URL.
        options["canonical_url"] = f"http://{settings.instance_id}"
    return HeadraceApp(settings.group, **options)
