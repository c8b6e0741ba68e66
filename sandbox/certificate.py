"""The portal's certificate: an authority made once and kept, and a leaf of it for each start."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme
from cryptography import x509

NAMES = ("localhost", "127.0.0.1", "::1", "sandbox")
SPARE = timedelta(days=30)  # an authority that ends sooner is replaced


def certificate(folder: Path) -> Path:
    """A file with key and certificate for TLS; `ca.pem` beside it is what clients must trust."""
    folder.mkdir(parents=True, exist_ok=True)
    authority = _kept(folder) or _made(folder)
    leaf = authority.issue_cert(*NAMES)
    both = leaf.private_key_pem.bytes() + b"".join(part.bytes() for part in leaf.cert_chain_pems)
    path = folder / "server.pem"
    _write(path, both, mode=0o600)
    return path


def _kept(folder: Path) -> trustme.CA | None:
    """The authority of an earlier start; None when there is none that will do."""
    try:
        cert, key = (folder / "ca.pem").read_bytes(), (folder / "ca.key").read_bytes()
        ends = x509.load_pem_x509_certificate(cert).not_valid_after_utc
        return trustme.CA.from_pem(cert, key) if ends > datetime.now(UTC) + SPARE else None
    except (OSError, ValueError):
        return None


def _made(folder: Path) -> trustme.CA:
    authority = trustme.CA(organization_name="Leadhub sandbox")
    _write(folder / "ca.key", authority.private_key_pem.bytes(), mode=0o600)
    _write(folder / "ca.pem", authority.cert_pem.bytes(), mode=0o644)
    return authority


def _write(path: Path, content: bytes, *, mode: int) -> None:
    """Whole or not at all, never readable wider than `mode`."""
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    fresh.touch(mode=mode)
    fresh.write_bytes(content)
    fresh.replace(path)
