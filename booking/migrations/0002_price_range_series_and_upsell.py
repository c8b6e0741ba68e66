

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('booking', '0001_initial'),
        ('business', '0005_upsells_and_lateness'),
    ]

    operations = [
        migrations.AddField(
            model_name='appointment',
            name='price_to_kopecks',
            field=models.PositiveIntegerField(blank=True, null=True, verbose_name='цена до, коп.'),
        ),
        migrations.AddField(
            model_name='appointment',
            name='series',
            field=models.BigIntegerField(blank=True, null=True, verbose_name='вместе с визитом'),
        ),
        migrations.AddField(
            model_name='appointment',
            name='upsell',
            field=models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='business.service', verbose_name='предложено добавить'),
        ),
        migrations.AddField(
            model_name='appointment',
            name='upsell_taken',
            field=models.BooleanField(blank=True, null=True, verbose_name='согласился добавить'),
        ),
    ]
