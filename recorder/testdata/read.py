#!/usr/bin/env python3
"""Reads a track of a Lockbox recording, from FORMAT.md alone.

    read.py FOLDER TRACK KEY [CODE]

KEY is the session key in hexadecimal: age -d -i IDENTITY key.age | xxd -p -c 64
Without CODE the lines come out (asciicast v3); with it, say o, the bytes of
those events. Needs python3-cryptography, and zstd or Python 3.14.
"""
import base64
import hashlib
import hmac
import json
import os
import re
import struct
import subprocess
import sys

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

try:
    from compression.zstd import decompress
except ImportError:
    def decompress(data):
        return subprocess.run(["zstd", "-dc"], input=data, stdout=subprocess.PIPE, check=True).stdout


def derive(key, label, info=b""):
    label = b"lockbox/recording/v1/" + label
    return hmac.new(key, label + b"\0" + info + b"\1", hashlib.sha256).digest()


def lines(folder, track, key):
    chain, prev = None, bytes(32)
    for number, name in enumerate(sorted(os.listdir(os.path.join(folder, track)))):
        with open(os.path.join(folder, track, name), "rb") as f:
            seg = f.read()
        magic, session, in_track, n, ordinal, at, size, flags, salt, before = struct.unpack(
            ">8s26s16sIIQIBx16s32s", seg[:120])
        assert (magic, in_track.rstrip(b"\0"), n, before) == (b"lbxseg01", track.encode(), number, prev), name
        if chain is None:
            for _ in range(int(re.sub("[a-z]", "", track))):
                key = derive(key, b"next-track", session)
            chain = derive(key, b"track", session + b" " + track.encode())
        text = decompress(AESGCM(derive(chain, b"segment", salt)).decrypt(bytes(12), seg[120:], seg[:120]))
        assert len(text) == size, name
        yield from text.splitlines(keepends=True)
        chain, prev = derive(chain, b"next-segment"), hashlib.sha256(seg).digest()


def main(folder, track, key, code=None):
    for line in lines(folder, track, bytes.fromhex(key)):
        event = json.loads(line)
        if code is None:
            sys.stdout.buffer.write(line)
        elif isinstance(event, list) and event[1] == code:
            sys.stdout.buffer.write(event[2].encode())
        elif isinstance(event, list) and event[1] == code + "64":
            sys.stdout.buffer.write(base64.b64decode(event[2]))


if __name__ == "__main__":
    main(*sys.argv[1:])
