"""What tenants tell the rooms above."""

from django.dispatch import Signal

# sender Tenant; tenant, now. A business was opened in the agency's admin and its owner invited; it has settings and
# nothing else yet. Sent inside the transaction: receivers only schedule due work.
tenant_opened = Signal()
