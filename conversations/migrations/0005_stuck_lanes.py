from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("conversations", "0004_encrypted_receipts_and_retries"),
    ]

    operations = [
        migrations.AddField(
            model_name="lane",
            name="delay_told",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddField(
            model_name="lane",
            name="stuck_since",
            field=models.DateTimeField(null=True),
        ),
    ]
