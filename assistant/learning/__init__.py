"""What the people of a business teach the assistant: marks become examples, examples a version of its weights.

`examples` keeps what was marked, `importing` reads files of it, `comparing` judges a version on examples that it never
saw, `versions` trains, publishes and takes back, `serving` gives the path of a message the weights in use.
"""
