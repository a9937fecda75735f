"""How whoever is told knows that it was Assay who told."""

from __future__ import annotations

import hashlib
import hmac

HEADER = "Assay-Signature"


def sign(secret: str, timestamp: int, body: bytes) -> str:
    """The signature's header: ``t=<seconds since the epoch>,v1=<HMAC-SHA256 of "t.body" in hex>``."""
    mac = hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256)
    return f"t={timestamp},v1={mac.hexdigest()}"
