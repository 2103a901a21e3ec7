"""Registers the system checks: importing the module is what registers them."""

from django.apps import AppConfig

from config import checks

__all__ = ("ProjectConfig", "checks")


class ProjectConfig(AppConfig):
    """The project itself, as an app without models."""

    name = "config"
    label = "project"
    verbose_name = "HITL bridge"
