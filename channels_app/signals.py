"""What rooms above hear of a delivery. Sent inside the transaction; receivers only schedule due work."""

from django.dispatch import Signal

# kwargs: delivery (its status says what happened), now
delivery_changed = Signal()
