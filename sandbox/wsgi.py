"""WSGI application of the sandbox. Brings its SQLite file up to date by itself."""

import os
from pathlib import Path

from django.conf import settings
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application

os.environ["DJANGO_SETTINGS_MODULE"] = "sandbox.settings"
application = get_wsgi_application()

# These have models, so they come after Django is set up.
from sandbox import vendors, webhooks  # noqa: E402
from sandbox.demo import calls, outbox  # noqa: E402


def prepare() -> None:
    """Create or migrate the database, and start the threads that send."""
    Path(str(settings.DATABASES["default"]["NAME"])).parent.mkdir(parents=True, exist_ok=True)
    call_command("migrate", verbosity=0)
    webhooks.sender.start(webhooks.due)
    outbox.caller.start(calls.due)
    for slug in vendors.VENDORS:
        vendors.get(slug).start()
