from leadhub.work.management.commands import run


class Command(run.Command):
    help = "Start everything with demo businesses and stand-ins of the outside, until Ctrl-C."
    demo = True
