"""Many threads that write to one SQLite file queue up, and everybody has a turn."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError
from django.db.utils import ConnectionHandler
from pytest_django import DjangoDbBlocker

from config import env
from hitl_bridge.sqlite.base import FairLock

THREADS, WRITES = 12, 20


@pytest.fixture
def database(tmp_path: Path, django_db_blocker: DjangoDbBlocker) -> Iterator[ConnectionHandler]:
    """A handler of one file; each thread gets a connection of its own from it."""
    handler = ConnectionHandler(
        {"default": env.database(f"sqlite:///{tmp_path / 'one.sqlite3'}", pool_size=0)}
    )
    with django_db_blocker.unblock():
        with handler["default"].cursor() as cursor:
            cursor.execute("CREATE TABLE counted (number INTEGER)")
            cursor.execute("INSERT INTO counted VALUES (0)")
        yield handler
        handler.close_all()


def count(connection: Any) -> int:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE counted SET number = number + 1")
        return int(cursor.execute("SELECT number FROM counted").fetchone()[0])


def begin(connection: Any) -> None:
    """As `atomic` does."""
    connection.set_autocommit(False, force_begin_transaction_with_broken_autocommit=True)


def end(connection: Any, *, commit: bool) -> None:
    (connection.commit if commit else connection.rollback)()
    connection.set_autocommit(True)


def test_all_threads_write_and_nobody_is_locked_out(database: ConnectionHandler) -> None:
    failed: list[BaseException] = []

    def work() -> None:
        connection = database["default"]
        try:
            for number in range(WRITES):
                count(connection)
                begin(connection)
                count(connection)
                end(connection, commit=number % 2 == 0)
        except OperationalError as error:
            failed.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert count(database["default"]) == THREADS * (WRITES + WRITES // 2) + 1


@pytest.mark.parametrize("how", ["commit", "rollback", "close"])
def test_whoever_ends_lets_the_next_one_write(database: ConnectionHandler, how: str) -> None:
    first, second = database["default"], database.create_connection("default")
    second.settings_dict["OPTIONS"]["timeout"] = 0.05
    begin(first)
    with pytest.raises(OperationalError, match="locked"):
        count(second)
    if how == "close":
        first.close()
    else:
        end(first, commit=how == "commit")
    assert count(second) == 1
    second.close()
    first.close()


def test_reading_waits_for_nobody(database: ConnectionHandler) -> None:
    first, second = database["default"], database.create_connection("default")
    begin(first)
    count(first)
    with second.cursor() as cursor:
        assert cursor.execute("SELECT number FROM counted").fetchone() == (0,)
    second.close()
    end(first, commit=False)


def test_whoever_has_just_written_queues_up_behind_those_who_wait() -> None:
    lock, order = FairLock(), []
    assert lock.acquire(1)

    def wait(name: str) -> None:
        assert lock.acquire(10)
        order.append(name)
        lock.release()

    threads = [threading.Thread(target=wait, args=[name]) for name in ("first", "second")]
    for number, thread in enumerate(threads, 1):
        thread.start()
        while lock.waiting < number:
            pass
    lock.release()
    wait("the one before")
    for thread in threads:
        thread.join()
    assert order == ["first", "second", "the one before"]


def test_whoever_gives_up_waiting_leaves_the_queue() -> None:
    lock = FairLock()
    assert lock.acquire(1)
    assert not lock.acquire(0.01)
    lock.release()
    assert lock.acquire(1)
