"""Static files as production serves them."""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class Storage(CompressedManifestStaticFilesStorage):
    """Scripts import each other by relative paths: these get the hashed names too."""

    support_js_module_import_aggregation = True
