"""Routing rules: the notation people write them in (English or Russian), and what a rule decides about a lead."""
