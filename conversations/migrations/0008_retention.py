from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('conversations', '0007_session_behaviour'),
        ('hitl_bridge', '0006_retention_and_append_only_audit'),
    ]

    operations = [
        migrations.AddField(
            model_name='conversation',
            name='purged_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddIndex(
            model_name='conversation',
            index=models.Index(condition=models.Q(('purged_at__isnull', True), ('stopped_at__isnull', False)), fields=['tenant', 'stopped_at'], name='conversation_to_purge'),
        ),
        migrations.AddIndex(
            model_name='user',
            index=models.Index(condition=models.Q(('kind', 'user'), models.Q(('email', ''), ('name', ''), ('phone', ''), ('picture_url', ''), _negated=True)), fields=['tenant', 'updated_at'], name='user_to_purge'),
        ),
    ]
