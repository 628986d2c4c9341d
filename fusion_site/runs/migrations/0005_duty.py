from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    """Whose turn it is to do what one process of many does."""

    dependencies = [("runs", "0004_written")]

    operations = [
        migrations.CreateModel(
            name="Duty",
            fields=[
                ("chore", models.CharField(max_length=20, primary_key=True, serialize=False)),
                ("owner", models.CharField(max_length=64)),
                ("until", models.DateTimeField()),
            ],
        ),
    ]
