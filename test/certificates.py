"""Certificates of servers in tests, which sign themselves."""

import subprocess

import pytest


def certificate(folder, host):
    """Return a certificate for this host, and its key. Skips without openssl."""
    certificate, key = folder / "cert.pem", folder / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={host}"]
    command += ["-addext", f"subjectAltName=DNS:{host}", "-keyout", key, "-out", certificate]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("openssl is not installed; run: apt-get install openssl")
    return certificate, key
