"""What the sandbox reads from its environment, beside the database's path in settings.py."""

import os

# Address that browsers and the bridge reach the sandbox at.
SANDBOX_URL = os.environ.get("SANDBOX_URL", "http://127.0.0.1:9000").rstrip("/")
# What the demo bot is configured with, like any other bot. Without an address it never hands off.
BRIDGE_URL = os.environ.get("BRIDGE_URL", "").rstrip("/")
BRIDGE_API_KEY = os.environ.get("BRIDGE_API_KEY", "")
# Where `make run` notes its processes' ids; without it nothing can be killed from the demo.
PIDS_FILE = os.environ.get("SANDBOX_PIDS", "")
CALLBACK_SECRET = os.environ.get("CALLBACK_SECRET", "")
