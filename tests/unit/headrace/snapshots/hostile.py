"""Pickles that try to run code, and a process that opens them with a limit of memory.

``python -m tests.unit.headrace.snapshots.hostile FOLDER`` seals each with the keys in FOLDER and says, as
JSON, why it was refused, or what came of it.
"""

from __future__ import annotations

import json
import pickle
import resource
import struct
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

from headrace.errors import SnapshotError
from tests.unit.headrace.snapshots.sealing import HEADER, codec

CANARY = "canary"
MEMORY_BYTES = 1 << 30
"""More than the process has when it begins."""

STOP = b"."
EMPTY_DICT, NONE = b"}", b"N"


def text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value.encode())) + value.encode()


def number(value: int) -> bytes:
    return b"\x8a\x08" + struct.pack("<q", value)


def named(module: str, name: str) -> bytes:
    return text(module) + text(name) + b"\x93"


def called(function: bytes, *arguments: bytes) -> bytes:
    return function + b"(" + b"".join(arguments) + b"t" + b"R"


def built(thing: bytes, state: bytes) -> bytes:
    return thing + state + b"b"


def new(kind: bytes) -> bytes:
    return kind + b")\x81"


def pair(one: bytes, other: bytes) -> bytes:
    return one + other + b"\x86"


def mapping(key: str, value: bytes) -> bytes:
    return EMPTY_DICT + text(key) + value + b"s"


LINEAR = named("river.linear_model.log_reg", "LogisticRegression")
GAUSSIAN = named("river.proba.gaussian", "Gaussian")
GETATTR = named("builtins", "getattr")
PARTIAL = named("functools", "partial")

NAMES = [
    ("os", "system"), ("posix", "system"), ("subprocess", "Popen"), ("subprocess", "check_output"),
    ("pty", "spawn"), ("builtins", "eval"), ("builtins", "exec"), ("builtins", "compile"),
    ("builtins", "__import__"), ("builtins", "open"), ("builtins", "setattr"), ("builtins", "type"),
    ("builtins", "object"), ("builtins", "globals"), ("builtins", "vars"), ("builtins", "print"),
    ("builtins", "bytearray"), ("builtins", "map"), ("builtins", "list"), ("builtins", "SystemExit"),
    ("importlib", "import_module"), ("runpy", "run_path"), ("pickle", "loads"), ("marshal", "loads"),
    ("types", "FunctionType"), ("types", "CodeType"), ("ctypes", "CDLL"), ("socket", "socket"),
    ("shutil", "rmtree"), ("timeit", "timeit"), ("cProfile", "run"), ("pathlib", "Path"),
    ("operator", "attrgetter"), ("operator", "methodcaller"), ("functools", "reduce"),
    ("copyreg", "_reconstructor"), ("_codecs", "encode"), ("numpy", "load"), ("numpy", "fromfile"),
    ("numpy", "frompyfunc"), ("numpy", "vectorize"), ("asyncio", "CancelledError"),
    ("random", "SystemRandom"), ("random", "_os.system"), ("collections", "_sys.exit"),
    ("collections", "_sys.modules"), ("statistics", "random._os.system"),
    ("river.datasets.base", "os.system"), ("river.datasets.base", "shutil.rmtree"),
    ("river.datasets", "Elec2"), ("river.drift.datasets", "Bitcoin"), ("river.stream", "iter_csv"),
    ("river.stream", "Cache"), ("river.stream.twitch_chat_stream", "socket.socket"),
    ("river.checks.common", "pickle.loads"), ("river", "datasets.base.os.system"),
    ("river.linear_model", "LogisticRegression"),
    ("river.linear_model.log_reg", "LogisticRegression.__init__.__globals__"),
    ("river.linear_model.log_reg", "LogisticRegression.clone"),
    ("river.linear_model.log_reg", "__builtins__"), ("headrace.snapshots.pickling", "pickle.loads"),
    ("headrace.snapshots.keys", "Keyring"), ("headrace", "Pipeline"), ("river.linear_model.log_reg", ""),
    ("", "system"), ("__main__", "os"), ("sys", "exit"), ("os\x00", "system"),
]  # fmt: skip
"""What nothing may name; called with a command, most of them would run it."""


def corpus(canary: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the pickles; what they run makes the file *canary*."""
    command = text(f"touch {canary}")
    code = text(f"__import__('os').system('touch {canary}')")
    system, evaluate = named("os", "system"), named("builtins", "eval")
    for module, name in NAMES:
        argument = code if name in ("eval", "exec") else command
        yield f"{module} {name}", called(named(module, name), argument) + STOP
        yield f"{module} {name}, not called", named(module, name) + STOP
    yield from _old_opcodes(command)
    yield from _by_getattr(command)
    yield from _by_memo(command)
    yield from _bombs()
    yield from _changed_classes()
    yield "partial", called(called(PARTIAL, evaluate, code)) + STOP
    yield "partial of a class", called(called(PARTIAL, LINEAR, system)) + STOP
    yield "defaultdict", called(named("collections", "defaultdict"), system) + STOP
    yield "deepcopy", called(named("copy", "deepcopy"), built(new(GAUSSIAN), mapping("x", system))) + STOP
    yield "iter", called(named("builtins", "iter"), called(PARTIAL, system, command), NONE) + STOP
    yield "new object", new(named("subprocess", "Popen")) + STOP
    yield "new object with words", named("subprocess", "Popen") + b")" + EMPTY_DICT + b"\x92" + STOP
    yield "state", built(new(GAUSSIAN), mapping("_var", called(system, command))) + STOP
    yield "as a key", EMPTY_DICT + called(system, command) + NONE + b"s" + STOP
    yield "in a set", b"\x8f(" + called(system, command) + b"\x90" + STOP
    yield "behind a valid one", pickle.dumps(1)[:-1] + called(system, command) + STOP
    yield (
        "restored gaussian",
        called(named("headrace.snapshots.pickling", "restored_gaussian"), system) + STOP,
    )


def _old_opcodes(command: bytes) -> Iterator[tuple[str, bytes]]:
    line = command[5:].decode()
    yield "protocol 0", f"cos\nsystem\n(S'{line}'\ntR.".encode()
    yield "dotted, protocol 0", f"criver.datasets.base\nos.system\n(S'{line}'\ntR.".encode()
    yield "INST", f"(S'{line}'\nios\nsystem\n.".encode()
    yield "OBJ", b"(cos\nsystem\n" + command + b"o."
    yield "PERSID", b"Pos.system\n."
    yield "BINPERSID", text("os.system") + b"Q."
    yield "Python 2's names", b"c__builtin__\neval\n" + command + b"\x85R."
    for name, opcode in (("EXT1", b"\x82\x01"), ("EXT2", b"\x83\x01\x00"), ("EXT4", b"\x84\x01\x00\x00\x00")):
        yield name, called(opcode, command) + STOP


def _by_getattr(command: bytes) -> Iterator[tuple[str, bytes]]:
    linear = new(LINEAR)
    for name in (
        "__class__",
        "__init__",
        "__reduce__",
        "__dict__",
        "clone",
        "_get_params",
        "learn_one",
        "mode",
        "",
    ):
        yield f"getattr {name}", called(GETATTR, linear, text(name)) + STOP
        yield f"getattr {name} of a class", called(GETATTR, LINEAR, text(name)) + STOP
    listed = called(GETATTR, new(named("river.linear_model.pa", "PAClassifier")), text("_calc_tau_1"))
    chain = called(GETATTR, called(GETATTR, listed, text("__func__")), text("__globals__"))
    yield "getattr chain", chain + STOP
    yield (
        "getattr chain from a class",
        called(GETATTR, called(GETATTR, LINEAR, text("__mro__")), text("x")) + STOP,
    )
    yield "getattr with a default", called(GETATTR, linear, text("x"), named("os", "system")) + STOP
    yield "getattr of a text", called(called(GETATTR, command, text("format")), NONE) + STOP
    yield "getattr by number", called(GETATTR, linear, number(1)) + STOP
    yield "getattr through map", called(PARTIAL, GETATTR, linear, text("clone")) + b")R" + STOP
    shadow = built(
        new(named("river.linear_model.pa", "PAClassifier")), mapping("_calc_tau_1", named("os", "system"))
    )
    yield "getattr of a shadowed method", called(called(GETATTR, shadow, text("_calc_tau_1")), command) + STOP


def _by_memo(command: bytes) -> Iterator[tuple[str, bytes]]:
    store = text("os") + b"q\x00" + text("system") + b"q\x01" + b"00"
    yield "names from the memo", store + called(b"h\x00h\x01\x93", command) + STOP
    yield "names from far in the memo", text("os") + b"r\xff\xff\x0f\x00" + text("system") + b"\x93" + STOP
    yield "a name that is no text", number(1) + text("system") + b"\x93" + STOP
    lowered = called(called(GETATTR, named("builtins", "str"), text("lower")), text("OS"))
    yield "a name that is worked out", called(lowered + text("system") + b"\x93", command) + STOP
    yield "a memo entry that is not there", b"h\x07" + STOP
    nested = named("functools", "partial") + b"q\x00"
    yield "nested", called(nested, called(b"h\x00", named("os", "system")), command) + b")R" + STOP


def _bombs() -> Iterator[tuple[str, bytes]]:
    yield "bytearray of 2 GB", called(named("builtins", "bytearray"), number(2_000_000_000)) + STOP
    yield "BYTEARRAY8 of 2 GB", b"\x96" + struct.pack("<Q", 2_000_000_000) + STOP
    yield "BINBYTES8 of 2 GB", b"\x8e" + struct.pack("<Q", 2_000_000_000) + STOP
    yield "BINUNICODE8 of an exabyte", b"\x8d" + struct.pack("<Q", 1 << 60) + STOP
    yield "LONG4 of 2 GB", b"\x8b" + struct.pack("<i", 0x7FFFFFFF) + STOP
    yield "FRAME of an exabyte", b"\x80\x05\x95" + struct.pack("<Q", 1 << 60) + STOP
    yield "memo of 16 GB", NONE + b"r" + struct.pack("<I", 0x3FFFFFFF) + STOP
    yield "array of 80 GB", called(named("numpy", "ones"), number(10_000_000_000)) + STOP
    yield "nothing", b""
    yield "no end", b"\x80\x05N"
    yield "no start", STOP
    yield "unknown protocol", b"\x80\x09N."
    yield "unknown opcode", b"\xff."


def _changed_classes() -> Iterator[tuple[str, bytes]]:
    harmless = named("functools", "partial")
    yield "a method replaced", built(LINEAR, pair(NONE, mapping("learn_one", harmless))) + STOP
    yield "a method added", built(GAUSSIAN, pair(NONE, mapping("__setstate__", harmless))) + STOP
    restored = named("headrace.snapshots.pickling", "restored_gaussian")
    yield "a function changed", built(restored, mapping("x", NONE)) + STOP
    yield "defaults of a function changed", built(restored, pair(NONE, mapping("__defaults__", b")"))) + STOP


def main(folder: Path) -> None:
    """Open all of them and print what came of each."""
    sealed = codec(folder)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    outcomes = {}
    for name, content in corpus(folder / CANARY):
        blob = sealed.seal(HEADER, zlib.compress(content, 1))
        try:
            outcomes[name] = f"opened: {sealed.load(blob)[1]!r}"
        except SnapshotError as error:
            outcomes[name] = error.reason
    sys.stdout.write(json.dumps(outcomes))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
