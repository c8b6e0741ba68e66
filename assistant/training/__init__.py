"""How the local engine's weights come about: labelled texts, the fitting, the measuring. Nothing here serves a client.

`texts/` is learned from. `held_back/dev.jsonl` decides between settings, `held_back/test.jsonl` and `times.jsonl` are
only ever measured.
"""
