"""What rooms above hear of a lead. Sent inside the transaction; receivers only schedule due work."""

from django.dispatch import Signal

# kwargs: lead, what ("created", "updated", "assigned", "taken", "booked", "closed", "needs_call", "released", ...), now
lead_changed = Signal()
# kwargs: task, what ("created", "done"), now
task_changed = Signal()
