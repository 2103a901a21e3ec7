"""ASGI entry point: the feed of events, whose listeners wait without holding a thread each."""

import os

from django.core.asgi import get_asgi_application

from config.bodies import bounded
from config.settled import settle

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
application = bounded(get_asgi_application())
settle()
