"""What rooms above hear of a lead. Sent inside the transaction; receivers only schedule due work."""

from django.dispatch import Signal

# kwargs: lead, what ("created", "updated", "rescored", "assigned", "taken", "handed_back", "handed_over", "booked",
# "closed", "needs_call", "quarantined", "released", "answered"), now
lead_changed = Signal()
# kwargs: task, what ("created", "moved", "done"), now
task_changed = Signal()
