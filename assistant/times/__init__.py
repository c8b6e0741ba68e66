"""How words for times are read: symbols, grammar, and which of the times found are wishes."""
