"""The Celery app. It carries wake-ups only: what must happen is a row (design.md, section 4).

Its settings are the CELERY_ ones of config.settings.
"""

import os
from typing import Any

from celery import Celery
from celery.signals import setup_logging

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("hitl_bridge")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@setup_logging.connect
def keep_our_logging(**_kwargs: Any) -> None:
    """Keep the logging that Django has set up: Celery sets up its own where nobody listens."""
