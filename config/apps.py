"""Registers the system checks: importing the module is what registers them."""

from django.apps import AppConfig
from django.contrib.admin import apps as admin_apps

from config import checks

__all__ = ("AdminConfig", "ProjectConfig", "checks")


class AdminConfig(admin_apps.AdminConfig):
    """Django's admin with a site of our own."""

    default_site = "hitl_bridge.site.BridgeAdminSite"


class ProjectConfig(AppConfig):
    """The project itself, as an app without models."""

    name = "config"
    label = "project"
    verbose_name = "HITL bridge"
