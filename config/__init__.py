"""Settings, addresses, checks and process entry points: what ties the apps into one product.

The Celery app is imported here because Celery's `-A config` and `@shared_task` look for it here.
"""

from config.celery import app as celery_app

__all__ = ("celery_app",)
