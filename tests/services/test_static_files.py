"""Static files under names that change with their content."""

import re
import shutil

from django.conf import settings
from django.core.files.storage import FileSystemStorage

from leadhub.static_files import Storage


def test_scripts_import_each_other_by_names_that_change(tmp_path):
    source = settings.BASE_DIR / "static" / "js"
    shutil.copytree(source, tmp_path / "js")
    storage = Storage(location=tmp_path)
    paths = {f"js/{script.name}": (FileSystemStorage(tmp_path), f"js/{script.name}") for script in source.glob("*.js")}
    failures = [result for _, _, result in storage.post_process(paths) if isinstance(result, Exception)]
    assert failures == []
    imported = {
        name
        for path in paths
        for name in re.findall(r'from "\./([^"]+)"', (tmp_path / storage.stored_name(path)).read_text())
    }
    assert imported  # or the test shows nothing
    assert all(re.fullmatch(r"\w+\.[0-9a-f]{12}\.js", name) and (tmp_path / "js" / name).exists() for name in imported)
