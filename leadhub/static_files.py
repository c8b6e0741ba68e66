"""Static files as production serves them: under names that change with their content."""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class Storage(CompressedManifestStaticFilesStorage):
    """Our scripts import each other by relative paths, which get the changing names too.

    Django's own switch for it looks into the scripts of every package; some of those import what they do not ship.
    """

    patterns = (
        *CompressedManifestStaticFilesStorage.patterns,
        (
            "js/*.js",
            (
                (
                    r"""(?P<matched>import (?P<names>\{[^}]*\}) from "(?P<url>\./[^"]+)";)""",
                    'import %(names)s from "%(url)s";',
                ),
            ),
        ),
    )
