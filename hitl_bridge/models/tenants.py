from __future__ import annotations

from django.core.validators import RegexValidator
from django.db import models

SLUG = RegexValidator(
    r"\A[a-z0-9]([a-z0-9-]*[a-z0-9])?\Z",
    "Use lower-case letters, digits and hyphens; begin and end with a letter or digit.",
)


class Tenant(models.Model):
    """A customer organisation; everything belongs to exactly one."""

    slug = models.CharField(
        max_length=63,
        unique=True,
        validators=[SLUG],
        help_text="Short name, used in `apply` files.",
    )
    name = models.CharField(max_length=200, blank=True, help_text="What people call it.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["slug"]

    def __str__(self) -> str:
        return self.name or self.slug
