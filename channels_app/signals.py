"""What rooms above hear of a delivery. Sent inside the transaction; receivers only schedule due work."""

from django.dispatch import Signal

# kwargs: delivery (its status says what happened), now
delivery_changed = Signal()
# A notice to staff left, did not arrive, was seen or answered. kwargs: notice, now
notice_changed = Signal()
