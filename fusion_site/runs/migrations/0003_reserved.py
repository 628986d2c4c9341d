from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("runs", "0002_generations")]

    operations = [
        migrations.AddField(
            model_name="run",
            name="reserved_usd",
            field=models.DecimalField(decimal_places=10, max_digits=16, null=True),
        ),
    ]
