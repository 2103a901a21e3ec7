from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):

    dependencies = [
        ("conversations", "0006_read_state"),
    ]

    operations = [
        migrations.AddField(
            model_name="conversation",
            name="reopened_from",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=models.deletion.SET_NULL,
                related_name="reopened_as",
                to="conversations.conversation",
            ),
        ),
        migrations.AddField(
            model_name="conversation",
            name="reopened_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="conversation",
            name="late_told_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AlterField(
            model_name="message",
            name="author",
            field=models.CharField(
                choices=[
                    ("user", "End user"),
                    ("bot", "Bot"),
                    ("agent", "Agent"),
                    ("system", "Bridge"),
                ],
                max_length=10,
            ),
        ),
        migrations.RemoveConstraint(model_name="message", name="message_author_valid"),
        migrations.AddConstraint(
            model_name="message",
            constraint=models.CheckConstraint(
                condition=Q(author__in=["user", "bot", "agent", "system"]),
                name="message_author_valid",
            ),
        ),
    ]
