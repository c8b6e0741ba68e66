"""Addresses of the inbox, below `inbox/`."""

from django.urls import path

from inbox import notices, teaching, views, who

app_name = "inbox"
urlpatterns = [
    path("", views.lead_list, name="list"),
    path("counters/", views.counters, name="counters"),
    path("tasks/", views.tasks, name="tasks"),
    path("tasks/<int:task_id>/done/", views.task_done, name="task_done"),
    path("quarantine/", views.quarantine, name="quarantine"),
    path("quarantine/many/", views.quarantine_many, name="quarantine_many"),
    path("shift/", views.shift, name="shift"),
    path("notices/", notices.page, name="notices"),
    path("notices/try/", notices.try_out, name="notices_try"),
    path("notices/telegram/", notices.telegram, name="notices_telegram"),
    path("notices/push/", notices.subscribe, name="notices_push"),
    path("notices/push/off/", notices.unsubscribe, name="notices_push_off"),
    path("notices/react/", notices.react, name="notices_react"),
    path("app.webmanifest", notices.manifest, name="manifest"),
    path("sw.js", notices.worker, name="worker"),
    path("poll/", views.poll, name="poll"),
    path("<int:lead_id>/", views.conversation, name="conversation"),
    path("<int:lead_id>/row/", views.row, name="row"),
    path("<int:lead_id>/card/", views.card, name="card"),
    path("<int:lead_id>/record/", views.record, name="record"),
    path("<int:lead_id>/who/", who.who, name="who"),
    path("<int:lead_id>/take/", views.take, name="take"),
    path("<int:lead_id>/hand-back/", views.hand_back, name="hand_back"),
    path("<int:lead_id>/reply/", views.reply, name="reply"),
    path("<int:lead_id>/note/", views.note, name="note"),
    path("<int:lead_id>/typing/", views.typing, name="typing"),
    path("<int:lead_id>/retry/<int:delivery_id>/", views.retry_delivery, name="retry_delivery"),
    path("<int:lead_id>/call-task/", views.call_task, name="call_task"),
    path("<int:lead_id>/later/", views.put_off, name="put_off"),
    path("<int:lead_id>/now/", views.take_up, name="take_up"),
    path("<int:lead_id>/done/", views.done, name="done"),
    path("<int:lead_id>/correct/", views.correct, name="correct"),
    path("<int:lead_id>/teach/<int:message_id>/", teaching.teach, name="teach"),
    path("<int:lead_id>/release/", views.release, name="release"),
    path("<int:lead_id>/openings/", views.openings, name="openings"),
    path("<int:lead_id>/book/", views.book, name="book"),
]
