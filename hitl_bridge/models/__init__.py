"""Tenants, bots and their connections to help desks."""

from hitl_bridge.models.alerts import Alert, AlertKind, AlertNotice
from hitl_bridge.models.audit import AuditAction, AuditEntry
from hitl_bridge.models.bots import ApiKey, Bot
from hitl_bridge.models.connections import App, Installation, InstallationStatus, OAuthToken
from hitl_bridge.models.people import Membership, Role, SecondStep
from hitl_bridge.models.tenants import Tenant

__all__ = [
    "Alert",
    "AlertKind",
    "AlertNotice",
    "ApiKey",
    "App",
    "AuditAction",
    "AuditEntry",
    "Bot",
    "Installation",
    "InstallationStatus",
    "Membership",
    "OAuthToken",
    "Role",
    "SecondStep",
    "Tenant",
]
