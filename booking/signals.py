"""What booking tells the rooms above."""

from django.dispatch import Signal

# sender Appointment; appointment, now, and what: "held", "booked", "moved", "extended", "cancelled", "confirmed",
# "arrived", "no_show", or "expired" (a hold that ran out or was given back). Sent inside the transaction of the change:
# receivers only schedule due work.
appointment_changed = Signal()
