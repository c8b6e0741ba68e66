"""The demo: an invented agency, four invented businesses, and six weeks of their life played through the product's own
understanding, dialogue, score and openings by one seeded generator."""
