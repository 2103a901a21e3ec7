"""Tenants, bots and installations as a YAML file declares them (docs/operators/apply.md)."""

from hitl_bridge.declarative.document import DeclarationError
from hitl_bridge.declarative.engine import apply_file
from hitl_bridge.declarative.report import Report

__all__ = ["DeclarationError", "Report", "apply_file"]
