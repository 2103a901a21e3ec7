import django.core.validators
from django.db import migrations, models

# The audit log is added to. What may be done besides says so first, within its transaction (see
# AuditQuerySet); a deleted tenant or account only takes its reference away.
TRIGGER = """
CREATE FUNCTION hitl_bridge_audit_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('hitl_bridge.audit', true) = 'open' THEN
        IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
        RETURN NEW;
    END IF;
    IF TG_OP = 'UPDATE'
        AND (to_jsonb(NEW) - '{tenant_id,actor_id}'::text[])
            = (to_jsonb(OLD) - '{tenant_id,actor_id}'::text[])
        AND (NEW.tenant_id IS NULL OR NEW.tenant_id = OLD.tenant_id)
        AND (NEW.actor_id IS NULL OR NEW.actor_id = OLD.actor_id)
    THEN RETURN NEW; END IF;
    RAISE EXCEPTION 'The audit log is only ever added to.';
END $$;
CREATE TRIGGER hitl_bridge_audit_append_only BEFORE UPDATE OR DELETE ON hitl_bridge_auditentry
    FOR EACH ROW EXECUTE FUNCTION hitl_bridge_audit_append_only();
"""
UNDO = """
DROP TRIGGER IF EXISTS hitl_bridge_audit_append_only ON hitl_bridge_auditentry;
DROP FUNCTION IF EXISTS hitl_bridge_audit_append_only();
"""


# The same in SQLite, where hitl_bridge.sqlite says whether the log is open. Whoever remakes the
# table in a later migration makes these anew: a test misses them.
SQLITE_TRIGGERS = {
    "hitl_bridge_audit_no_delete": "DELETE ON hitl_bridge_auditentry WHEN NOT bridge_audit_open()",
    "hitl_bridge_audit_no_update": """
        UPDATE ON hitl_bridge_auditentry WHEN NOT bridge_audit_open() AND NOT (
            (NEW.id, NEW.actor_name, NEW.action, NEW.target_type, NEW.target_id,
                NEW.target_label, NEW.details, NEW.at)
            = (OLD.id, OLD.actor_name, OLD.action, OLD.target_type, OLD.target_id,
                OLD.target_label, OLD.details, OLD.at)
            AND NEW.ip IS OLD.ip
            AND (NEW.tenant_id IS NULL OR NEW.tenant_id IS OLD.tenant_id)
            AND (NEW.actor_id IS NULL OR NEW.actor_id IS OLD.actor_id)
        )
    """,
}
REFUSE = "BEGIN SELECT RAISE(ABORT, 'The audit log is only ever added to.'); END"


def protect(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(TRIGGER)
    elif schema_editor.connection.vendor == "sqlite":
        for name, rule in SQLITE_TRIGGERS.items():
            schema_editor.execute(f"CREATE TRIGGER {name} BEFORE {rule} {REFUSE}")


def unprotect(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(UNDO)
    elif schema_editor.connection.vendor == "sqlite":
        for name in SQLITE_TRIGGERS:
            schema_editor.execute(f"DROP TRIGGER IF EXISTS {name}")


class Migration(migrations.Migration):

    dependencies = [
        ('hitl_bridge', '0005_memberships_and_second_step'),
    ]

    operations = [
        migrations.AddField(
            model_name='bot',
            name='feed_floor',
            field=models.BigIntegerField(db_default=0, default=0, editable=False),
        ),
        migrations.AddField(
            model_name='tenant',
            name='content_days',
            field=models.PositiveIntegerField(blank=True, db_default=90, default=90, help_text="What was said, files, tags and people's data go so long after a session ended. Empty: never.", null=True, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(3650)], verbose_name='keep contents for days'),
        ),
        migrations.AddField(
            model_name='tenant',
            name='receipt_days',
            field=models.PositiveIntegerField(blank=True, db_default=14, default=14, help_text='Webhooks as they arrived go after so long. Empty: never.', null=True, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(3650)], verbose_name='keep webhooks for days'),
        ),
        migrations.AlterField(
            model_name='auditentry',
            name='action',
            field=models.CharField(choices=[('changed', 'Changed'), ('read', 'Read'), ('replayed', 'Tried again'), ('dropped', 'Dropped'), ('exported', 'Exported'), ('erased', 'Erased'), ('loggedIn', 'Logged in'), ('loggedOut', 'Logged out'), ('loginFailed', 'Login failed')], max_length=20),
        ),
        migrations.RunPython(protect, unprotect),
    ]
