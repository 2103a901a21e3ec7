"""Settings for mypy's Django plugin, which loads them without anybody to set the environment.

The bridge and the sandbox are two sites; mypy knows one, so here are both at once.
"""

from tests.environment import set_environment

set_environment()

from config import settings  # noqa: E402
from config.settings import *  # noqa: E402, F403
from sandbox.settings import *  # noqa: E402, F403

INSTALLED_APPS = [*settings.INSTALLED_APPS, "sandbox.apps.SandboxConfig"]
