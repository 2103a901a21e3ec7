"""SQLite for many threads of one process: writers queue up here instead of in SQLite.

SQLite lets one connection write at a time. The others it lets sleep and look again, ever more
seldom: with dozens of threads the lucky ones go on, and an unlucky one sees the lock free never,
until its time-out ends in "database is locked". A lock of this process, taken ahead of each
transaction and of each single statement that writes, wakes the next one at once. Other processes
are still kept out by SQLite's own lock.
"""

from __future__ import annotations

import sqlite3
import threading
from collections import defaultdict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from django.db.backends.sqlite3 import base, operations

READS = ("SELECT", "PRAGMA", "BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE", "EXPLAIN")

# Its stubs leave out what is overridden here.
StockWrapper: Any = base.DatabaseWrapper


class FairLock:
    """Whoever has waited longest is next; a plain lock mostly goes to who has just had it."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._held = False
        self._waiting: deque[threading.Lock] = deque()

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def acquire(self, timeout: float) -> bool:
        """Whether it is ours; False after that many seconds."""
        with self._mutex:
            if not self._held:
                self._held = True
                return True
            turn = threading.Lock()
            turn.acquire()
            self._waiting.append(turn)
        if turn.acquire(timeout=timeout):
            return True
        with self._mutex:
            if turn not in self._waiting:
                return True  # it was handed to us just now
            self._waiting.remove(turn)
            return False

    def release(self) -> None:
        """Hand it to the next one."""
        with self._mutex:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._held = False


_locks: defaultdict[str, FairLock] = defaultdict(FairLock)


class WritersCursor(base.SQLiteCursorWrapper):
    """Holds the lock while a statement outside any transaction writes."""

    def __init__(self, connection: sqlite3.Connection, queue: WritersQueue) -> None:
        super().__init__(connection)
        self._queue = queue

    def execute(self, query: str, params: Any = None) -> Any:
        with self._queue.while_writing(self.connection, query):
            return super().execute(query, params)

    def executemany(self, query: str, param_list: Any) -> Any:
        with self._queue.while_writing(self.connection, query):
            return super().executemany(query, param_list)


class WritersQueue:
    """One connection's place among those that write to the same file."""

    def __init__(self, lock: FairLock, timeout: float) -> None:
        self._lock, self._timeout = lock, timeout
        self._ours = False

    def enter(self) -> None:
        """Wait for our turn. Raises OperationalError after as long as SQLite itself would."""
        if not self._lock.acquire(self._timeout):
            raise sqlite3.OperationalError("database is locked")
        self._ours = True

    def leave(self) -> None:
        """Let the next one write, if it was our turn."""
        if self._ours:
            self._ours = False
            self._lock.release()

    @contextmanager
    def while_writing(self, connection: sqlite3.Connection, query: str) -> Iterator[None]:
        """Our turn, where this statement writes and no transaction of ours has it already."""
        alone = not (self._ours or connection.in_transaction)
        if not alone or query.lstrip().upper().startswith(READS):
            yield
            return
        self.enter()
        try:
            yield
        finally:
            self.leave()


class Operations(operations.DatabaseOperations):
    """To empty every table is one more way to forget the audit log."""

    connection: DatabaseWrapper

    def execute_sql_flush(self, sql_list: Any) -> None:
        with self.connection.audit_opened():
            super().execute_sql_flush(sql_list)


class DatabaseWrapper(StockWrapper):
    """Takes its turn for as long as a transaction lasts."""

    ops_class = Operations

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._queue: WritersQueue | None = None
        self._audit_open = False

    @contextmanager
    def audit_opened(self) -> Iterator[None]:
        """Meanwhile the audit log's triggers let entries be changed (migration 0006)."""
        self._audit_open = True
        try:
            yield
        finally:
            self._audit_open = False

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        # One in memory is shared by its own rules.
        if not self.is_in_memory_db():
            wait = float(conn_params.get("timeout", 5))
            self._queue = WritersQueue(_locks[str(conn_params["database"])], wait)
        connection = super().get_new_connection(conn_params)
        # Whoever opens the file with another program lacks it, and the triggers refuse.
        connection.create_function("bridge_audit_open", 0, lambda: self._audit_open)
        return connection

    def create_cursor(self, name: str | None = None) -> Any:
        if self._queue is None:
            return super().create_cursor(name)
        return self.connection.cursor(factory=partial(WritersCursor, queue=self._queue))

    def _start_transaction_under_autocommit(self) -> None:
        if self._queue:
            self._queue.enter()
        try:
            super()._start_transaction_under_autocommit()
        finally:
            self._leave_after_transaction()

    def _commit(self) -> None:
        try:
            super()._commit()
        finally:
            self._leave_after_transaction()

    def _rollback(self) -> None:
        try:
            super()._rollback()
        finally:
            self._leave_after_transaction()

    def _close(self) -> None:
        try:
            super()._close()
        finally:
            if self._queue:
                self._queue.leave()

    def _leave_after_transaction(self) -> None:
        """A commit that failed leaves the transaction open: then it is still our turn."""
        if self._queue and not (self.connection and self.connection.in_transaction):
            self._queue.leave()
