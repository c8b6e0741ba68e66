"""Dialogue tests as data: scenarios of the packs, played on a business's settings by the real path of a message."""
