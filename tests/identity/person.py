import jwt  # Debian: python3-jwt and python3-cryptography; PyPI: pyjwt[crypto]

NAME = "wiki"  # our name as a target
ISSUER = "https://lock.example.eu"  # the portal
KEYS = jwt.PyJWKClient("https://wiki.gw.example.eu/.lockbox/jwks.json")


def person(headers):
    """Who sent the request, as claims; jwt.PyJWTError or KeyError: nobody."""
    token = headers["X-Lockbox-Identity"]
    key = KEYS.get_signing_key_from_jwt(token).key
    return jwt.decode(
        token, key, algorithms=["EdDSA"],  # no other algorithm
        audience=NAME, issuer=ISSUER, leeway=5,
        options={"require": ["sub", "iss", "aud", "exp", "nbf"]},
    )
