"""What sessions keep of the tables that they uploaded: the latest of all sessions, in memory and on disk.

A session holds a key alone. What was kept longest gives way, and its page then asks for the table again.
"""

import sys
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import streamlit as st

from crime_ui import limits


@dataclass(frozen=True)
class _Kept:
    table: Any
    disk_bytes: int


_tables: OrderedDict[object, _Kept] = OrderedDict()
_downloads: list[bytes] = []
_lock = threading.Lock()


def keep(name: str, table: Any, disk_bytes: int = 0) -> None:
    """Keep a table of this session by name, instead of an earlier one. `disk_bytes`: what it takes on disk."""
    key = object()
    with _lock:
        _tables.pop(st.session_state.get(name), None)
        st.session_state[name] = key
        _tables[key] = _Kept(table, disk_bytes)
        while len(_tables) > 1 and not _have_room():
            _tables.popitem(last=False)


def find(name: str) -> Any:
    """The table that this session keeps by name; None if there is none, or no longer."""
    with _lock:
        key = st.session_state.get(name)
        if key not in _tables:
            return None
        _tables.move_to_end(key)
        return _tables[key].table


def for_download(content: Callable[[], bytes], size: int) -> bytes:
    """What a browser downloads, of about this size, which Streamlit holds until the tab shows something else.

    Raises `MemoryError` while the downloads of all sessions take all the room.
    """
    with _lock:
        _downloads[:] = [one for one in _downloads if sys.getrefcount(one) > 3]  # this list, `one`, and the call
        if sum(map(len, _downloads)) + size > limits.DOWNLOADS_BYTES:
            raise MemoryError("other downloads take all the room. Try again in a minute")
        made = content()
        _downloads.append(made)
        return made


def _have_room() -> bool:
    on_disk = sum(kept.disk_bytes for kept in _tables.values())
    return len(_tables) <= limits.KEPT_TABLES and on_disk <= limits.RESULTS_BYTES
