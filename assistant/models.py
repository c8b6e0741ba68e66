"""What the assistant may quote: the business's own answers to common questions."""

from django.db import models


class KnowledgeEntry(models.Model):
    question = models.CharField("вопрос", max_length=200)
    answer = models.TextField("ответ")
    is_active = models.BooleanField("используется", default=True)
    position = models.PositiveSmallIntegerField("порядок", default=0)

    class Meta:
        verbose_name = "вопрос и ответ"
        verbose_name_plural = "вопросы и ответы"
        ordering = ["position", "pk"]

    def __str__(self) -> str:
        return self.question


class Promotion(models.Model):
    title = models.CharField("акция", max_length=200, help_text="Одним предложением, как её прочтёт клиент.")
    code = models.CharField("промокод", max_length=60, blank=True)
    starts_on = models.DateField("с", null=True, blank=True)
    ends_on = models.DateField("по", null=True, blank=True)
    is_active = models.BooleanField("действует", default=True)

    class Meta:
        verbose_name = "акция"
        verbose_name_plural = "акции"

    def __str__(self) -> str:
        return self.title
