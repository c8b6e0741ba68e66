

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('business', '0004_search_by_meaning'),
    ]

    operations = [
        migrations.AddField(
            model_name='businesssettings',
            name='late_limit_minutes',
            field=models.PositiveSmallIntegerField(default=15, help_text='Кто опоздает больше, тому ассистент предложит перенести визит.', verbose_name='опоздание, при котором примем, мин'),
        ),
        migrations.CreateModel(
            name='Upsell',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('text', models.CharField(blank=True, help_text='Пусто: обычными. Цену и время ассистент назовёт сам.', max_length=200, verbose_name='какими словами')),
                ('position', models.PositiveSmallIntegerField(default=0, verbose_name='порядок')),
                ('offer', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='business.service', verbose_name='предложить вместе с ней')),
                ('service', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='upsells', to='business.service', verbose_name='к услуге')),
            ],
            options={
                'verbose_name': 'предложение вместе с услугой',
                'verbose_name_plural': 'предложить вместе с ней',
                'ordering': ['position', 'pk'],
                'constraints': [models.UniqueConstraint(fields=('service', 'offer'), name='upsell_once'), models.CheckConstraint(condition=models.Q(('service', models.F('offer')), _negated=True), name='upsell_of_another')],
            },
        ),
    ]
