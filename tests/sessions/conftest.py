"""The engine's fixtures: one open session at a help desk in memory."""

from tests.engine.conftest import callbacks, desk, drain, installation, session

__all__ = ["callbacks", "desk", "drain", "installation", "session"]
