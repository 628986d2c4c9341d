import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import fusion_site.accounts.ids


def name_places(apps, schema_editor):
    """Give each place an id of its own: one default for all rows would not be unique."""
    for place in apps.get_model("accounts", "Membership").objects.filter(ref=None).iterator():
        place.ref = fusion_site.accounts.ids.new_id()
        place.save(update_fields=["ref"])


class Migration(migrations.Migration):
    dependencies = [("accounts", "0005_audit")]

    operations = [
        migrations.CreateModel(
            name="Invitation",
            fields=[
                (
                    "id",
                    models.CharField(
                        default=fusion_site.accounts.ids.new_id,
                        editable=False,
                        max_length=24,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "role",
                    models.CharField(
                        choices=[("owner", "Owner"), ("editor", "Editor"), ("viewer", "Viewer")],
                        max_length=10,
                    ),
                ),
                ("email", models.EmailField(blank=True, max_length=254)),
                ("digest", models.CharField(max_length=64, unique=True)),
                ("most_uses", models.PositiveSmallIntegerField(null=True)),
                ("uses", models.PositiveIntegerField(default=0)),
                ("made_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("expires_at", models.DateTimeField()),
                ("revoked_at", models.DateTimeField(null=True)),
                ("mailed_at", models.DateTimeField(null=True)),
                (
                    "made_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "team",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="invitations",
                        to="accounts.team",
                    ),
                ),
            ],
            options={"ordering": ["-made_at", "-id"]},
        ),
        migrations.AddField(
            model_name="membership",
            name="joined_at",
            field=models.DateTimeField(null=True),
        ),
        # Only from here on it is known when somebody joined.
        migrations.AlterField(
            model_name="membership",
            name="joined_at",
            field=models.DateTimeField(default=django.utils.timezone.now, null=True),
        ),
        migrations.AddField(
            model_name="membership",
            name="invitation",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="joined",
                to="accounts.invitation",
            ),
        ),
        migrations.AddField(
            model_name="membership",
            name="ref",
            field=models.CharField(max_length=24, null=True),
        ),
        migrations.RunPython(name_places, migrations.RunPython.noop),
        migrations.AlterField(
            model_name="membership",
            name="ref",
            field=models.CharField(
                default=fusion_site.accounts.ids.new_id, editable=False, max_length=24, unique=True
            ),
        ),
    ]
