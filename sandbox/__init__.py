"""Stand-ins of the outside world over real HTTP: messenger, SMS gateway, CRM portal, language model.

They behave as the providers document, limits and errors included, and can be told to fail. For the demo, tests and
benchmarks only: nothing here is a room of the product, and no room imports it.
"""
