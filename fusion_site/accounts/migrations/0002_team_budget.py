from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="team",
            name="budget_usd",
            field=models.DecimalField(decimal_places=6, max_digits=12, null=True),
        ),
    ]
