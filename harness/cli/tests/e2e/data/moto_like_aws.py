"""moto's server, with two calls as AWS documents them, which moto 5.2.5 does not:

- kms:Sign with MessageType DIGEST signs the digest that it is given; moto takes the digest of that once more.
- s3:PutObject with If-None-Match looks and writes in one; in moto two requests may both look before either writes.

The first PUTS_AT_ONCE conditional puts wait for each other, so that all of them were asked for before any was done.
"""

import json
import os
import sys
import threading
from base64 import b64encode

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from moto.kms.responses import KmsResponse
from moto.s3.responses import S3Response
from moto.server import main

sign = KmsResponse.sign
put_object = S3Response.put_object
one_at_a_time = threading.Lock()
at_once = threading.Semaphore(int(os.environ.get("PUTS_AT_ONCE", "0")))
all_there = threading.Barrier(max(1, int(os.environ.get("PUTS_AT_ONCE", "0"))))


def sign_digest(self):
    if self._get_param("MessageType") != "DIGEST":
        return sign(self)
    digest, algorithm = self._get_param("Message"), self._get_param("SigningAlgorithm")
    key = self.kms_backend.describe_key(self._get_param("KeyId"))
    assert len(digest) == 32 and algorithm == "ECDSA_SHA_256" and key.key_usage == "SIGN_VERIFY"
    signature = key.private_key.private_key.sign(digest, ec.ECDSA(Prehashed(hashes.SHA256())))
    signed = {"KeyId": key.arn, "Signature": b64encode(signature).decode(), "SigningAlgorithm": algorithm}
    return json.dumps(signed)


def put_one_object(self):
    if self.headers.get("If-None-Match") and at_once.acquire(blocking=False):
        all_there.wait()
    with one_at_a_time:
        return put_object(self)


KmsResponse.sign = sign_digest
S3Response.put_object = put_one_object
sys.exit(main())
