import base64
import hashlib
import hmac
import time


def verify(headers, body, *secrets):
    """The id of a webhook that Lockbox sent; ValueError: it did not. Handle each id once."""
    id, at = headers.get("Webhook-Id") or "", headers.get("Webhook-Timestamp") or ""
    if abs(time.time() - int(at)) > 300:
        raise ValueError("its time is not now")  # each try has its own
    for secret in secrets:  # the old one too, while it is being changed
        key = secret.encode()
        if secret.startswith("whsec_"):
            key = base64.b64decode(secret[6:], validate=True)
        mac = hmac.new(key, f"{id}.{at}.".encode() + body, hashlib.sha256)
        want = b"v1," + base64.b64encode(mac.digest())
        for one in (headers.get("Webhook-Signature") or "").split():
            if hmac.compare_digest(want, one.encode()):
                return id
    raise ValueError("no signature is right")
