from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    """How many times the journal has written since the claim."""

    dependencies = [("runs", "0003_reserved")]

    operations = [
        migrations.AddField(
            model_name="run",
            name="written",
            field=models.PositiveIntegerField(default=0),
        ),
    ]
