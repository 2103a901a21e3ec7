"""WSGI entry point: `gunicorn config.wsgi` serves everything."""

import os
import signal

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
application = get_wsgi_application()

from config.settled import settle  # noqa: E402  # needs the settings
from conversations.api.waiting import Stopping  # noqa: E402

# Streams last long: they end when gunicorn tells this process to stop.
Stopping.at_signals(signal.SIGTERM)
settle()
