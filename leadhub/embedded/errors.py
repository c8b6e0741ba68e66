class ServiceFailed(Exception):
    """A part cannot run, told in Russian for the person at the terminal."""
