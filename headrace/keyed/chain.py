"""Which keys a snapshot writes down, so that the last few of them together are the whole state.

A snapshot holds the keys used since the one before it and, in turn, one group of the others. Which keys are
held no more needs no list: the key that gives way is the one used least recently, so a snapshot says which
last use is the oldest that it holds, and what is older in those before it is gone.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol, TypeAlias, TypeVar

import msgspec

from headrace.errors import SnapshotError
from headrace.keyed.entry import GROUPS, Entry

MOST_WRITTEN = 3
"""A restore reads at most so many times the keys that are held; beyond, a snapshot is written whole."""

Kept: TypeAlias = tuple[bytes, int, bytes]
"""Key, offset of its last event, bytes of its models."""

_Entry = TypeVar("_Entry")

_encode_part = msgspec.msgpack.Encoder().encode
_decode_part = msgspec.msgpack.Decoder(list[Kept]).decode


class Link(NamedTuple):
    """Where a snapshot stands in its chain.

    ``ages`` says for each group how many snapshots back all of its keys are found; ``weights`` how many keys
    were written in this snapshot, the one before, and so on, as far back as it needs them.
    """

    next_offset: int
    ages: tuple[int, ...]
    weights: tuple[int, ...]

    @property
    def reaches_back(self) -> int:
        """How many snapshots before this one a restore needs."""
        return max(self.ages)


class Plan(NamedTuple):
    """What a snapshot writes: the keys used at ``since`` or later, and the group ``turn``."""

    since: int
    turn: int
    link: Link

    def covers(self, entry: Entry) -> bool:
        """Return whether *entry* is to be written."""
        return entry.last_use >= self.since or entry.group == self.turn


def planned(
    next_offset: int, written: Link | None, n_held: int, *, between: Sequence[int], whole: bool
) -> Plan:
    """Return what a snapshot at *next_offset* writes of *n_held* keys.

    Parameters
    ----------
    written
        The newest snapshot that is surely stored.
    between
        Weights of the snapshots after *written*, newest first, of which it is not known yet if they are
        stored: they lengthen the chain if so, and add nothing.
    whole
        Write all.
    """
    if written is not None and not whole:
        turn = max(range(GROUPS), key=written.ages.__getitem__)
        ages = [age + 1 + len(between) for age in written.ages]
        ages[turn] = 0
        weights = (*between, *written.weights)[: max(ages)]
        is_like_last = sum(weights) + min(weights[0], n_held) <= MOST_WRITTEN * n_held
        if max(ages) <= GROUPS and is_like_last:
            return Plan(written.next_offset, turn, Link(next_offset, tuple(ages), (0, *weights)))
    return Plan(0, -1, Link(next_offset, (0,) * GROUPS, (0,)))


class Linked(Protocol):
    """A snapshot that has begun."""

    @property
    def link(self) -> Link:
        """Where it stands in its chain."""
        ...


class Line:
    """The snapshots of one state, in the order they began: which is stored, which may yet be.

    Attributes
    ----------
    written
        The newest that is surely stored, ``None`` if none is that the next could add to.
    """

    def __init__(self, written: Link | None = None) -> None:
        self.written = written
        self._open: list[Linked] = []

    def planned(self, next_offset: int, n_held: int, *, whole: bool) -> Plan:
        """Return what the next snapshot writes; see `planned`."""
        between = [capture.link.weights[0] for capture in reversed(self._open)]
        return planned(next_offset, self.written, n_held, between=between, whole=whole)

    def begin(self, capture: Linked) -> None:
        """Count *capture* among those that may yet be stored."""
        self._open.append(capture)

    def end(self, capture: Linked, *, written: bool) -> bool:
        """Let the next snapshot add to *capture*, if it is written and nothing newer is; return whether.

        One that did not begin here changes nothing.
        """
        if capture not in self._open:
            return False
        self._open.remove(capture)
        link = capture.link
        is_newest = written and (self.written is None or link.next_offset >= self.written.next_offset)
        if is_newest:
            self.written = link
        return is_newest


class State(msgspec.Struct, forbid_unknown_fields=True):
    """What a snapshot of keyed models holds.

    ``oldest`` and ``newest`` are the extremes of the last uses of the keys held, ``parts`` the keys written.
    """

    step: int
    max_keys: int
    n_keys: int
    oldest: int
    newest: int
    ages: tuple[int, ...]
    weights: tuple[int, ...]
    parts: tuple[bytes, ...]

    def link(self, next_offset: int) -> Link:
        """Return where the snapshot stands in its chain."""
        return Link(next_offset, self.ages, self.weights)


def packed(entries: Sequence[Any]) -> bytes:
    """Return *entries* as a part of a snapshot."""
    return zlib.compress(_encode_part(entries), 1)


def state_of(body: Any) -> State:
    """Return what *body*, as it was unpickled, says.

    Raises
    ------
    SnapshotError
        If it is no state of keyed models.
    """
    try:
        state = msgspec.convert(body, State, builtin_types=(bytes,))
    except msgspec.ValidationError as error:
        raise SnapshotError("state", "the snapshot holds no models by key", why=str(error)) from error
    if len(state.ages) != GROUPS:
        raise SnapshotError("state", f"the snapshot has {len(state.ages)} groups of keys, not {GROUPS}")
    return state


def require(state: State, max_keys: int, next_offset: int) -> None:
    """Refuse *state* if it is of another declaration, or of the future of *next_offset*.

    Raises
    ------
    SnapshotError
        In these cases.
    """
    if state.max_keys != max_keys:
        raise SnapshotError(
            "max_keys",
            f"the snapshot was made with max_keys={state.max_keys}, the pipeline has {max_keys}",
            why="which key gives way, and when, depends on it",
            fix="raise the pipeline's version when max_keys changes",
        )
    if state.n_keys and state.newest >= next_offset:
        raise SnapshotError(
            "future",
            f"the snapshot knows the record at {state.newest}, and is to act at {next_offset}",
            why="models by key are in order of last use, and this would turn it round",
        )


def merged(states: Sequence[State]) -> list[Kept]:
    """Return the keys that the last of *states*, oldest first, holds, in order of last use.

    Raises
    ------
    SnapshotError
        If they are not all there.
    """
    newest = states[-1]
    found: dict[bytes, Kept] = {}
    for state in reversed(states):
        if len(found) == newest.n_keys:
            break
        for kept in unpacked(state.parts, _decode_part):
            if kept[1] >= newest.oldest and kept[0] not in found:
                found[kept[0]] = kept
    if len(found) != newest.n_keys:
        raise SnapshotError(
            "incomplete",
            "snapshots that this one adds to are missing",
            why=f"it holds {newest.n_keys} keys, {len(states)} snapshots have {len(found)} of them",
        )
    return sorted(found.values(), key=lambda kept: kept[1])


def unpacked(parts: Iterable[bytes], decode: Callable[[bytes], list[_Entry]]) -> Iterator[_Entry]:
    """Yield the entries of *parts*, which `packed` made.

    Raises
    ------
    SnapshotError
        If one cannot be read.
    """
    for part in parts:
        try:
            yield from decode(zlib.decompress(part))
        except (zlib.error, msgspec.MsgspecError) as error:
            raise SnapshotError("state", "a part of the snapshot cannot be read", why=str(error)) from error
