"""Tenants, bots and their connections to help desks."""

from hitl_bridge.models.bots import ApiKey, Bot
from hitl_bridge.models.connections import App, Installation, InstallationStatus, OAuthToken
from hitl_bridge.models.tenants import Tenant

__all__ = ["ApiKey", "App", "Bot", "Installation", "InstallationStatus", "OAuthToken", "Tenant"]
