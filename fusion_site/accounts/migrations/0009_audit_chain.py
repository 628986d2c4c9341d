from django.db import migrations, models

from fusion_site.accounts.audit_chain import digest_of

# As in 0005: adding a column rebuilds the table on SQLite, and the trigger goes with it.
AGAIN = """
CREATE TRIGGER audit_is_append_only BEFORE UPDATE ON accounts_auditentry
BEGIN SELECT RAISE(ABORT, 'the audit trail is not changed'); END
"""


def allow_changes(apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        if schema_editor.connection.vendor == "sqlite":
            cursor.execute("DROP TRIGGER IF EXISTS audit_is_append_only")
        else:
            cursor.execute("ALTER TABLE accounts_auditentry DISABLE TRIGGER audit_is_append_only")


def forbid_changes(apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        if schema_editor.connection.vendor == "sqlite":
            cursor.execute(AGAIN)
        else:
            cursor.execute("ALTER TABLE accounts_auditentry ENABLE TRIGGER audit_is_append_only")


def chain(apps, schema_editor):
    """Entries from before there was a chain get their places in it as they are now."""
    entries = apps.get_model("accounts", "AuditEntry").objects.using(schema_editor.connection.alias)
    before = {}
    for entry in entries.order_by("id").iterator(500):
        digest = digest_of(entry, before.get(entry.team_id, ""))
        entries.filter(pk=entry.pk).update(digest=digest)
        before[entry.team_id] = digest


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0008_sign_on"),
    ]

    operations = [
        migrations.RunPython(allow_changes, forbid_changes),
        migrations.AddField(
            model_name="auditentry",
            name="digest",
            field=models.CharField(default="", max_length=64),
            preserve_default=False,
        ),
        migrations.RunPython(chain, migrations.RunPython.noop),
        migrations.RunPython(forbid_changes, allow_changes),
    ]
