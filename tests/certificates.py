"""Certificates for tests, and the authority that signs them."""

import datetime
import ipaddress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

USAGES: tuple[str, ...] = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
)
USAGES += ("key_cert_sign", "crl_sign", "encipher_only", "decipher_only")


class Authority:
    """A certificate authority. `pem`: its own certificate."""

    def __init__(self, name: str = "tests"):
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        own = _builder(self.name, self.name, self.key.public_key())
        own = own.add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        own = own.add_extension(x509.SubjectKeyIdentifier.from_public_key(self.key.public_key()), False)
        usage = dict.fromkeys(USAGES, False) | {"key_cert_sign": True, "crl_sign": True}
        own = own.add_extension(x509.KeyUsage(**usage), True)
        self.pem = own.sign(self.key, hashes.SHA256()).public_bytes(Encoding.PEM)

    def issue(self, *hosts: str) -> tuple[bytes, bytes]:
        """A new certificate for addresses or hosts' names, and its key, in PEM."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hosts[0])])
        certificate = _builder(subject, self.name, key.public_key())
        names = x509.SubjectAlternativeName([_name(host) for host in hosts])
        certificate = certificate.add_extension(names, False)
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        certificate = certificate.add_extension(identifier, False)  # which Python 3.13 wants
        signed = certificate.sign(self.key, hashes.SHA256()).public_bytes(Encoding.PEM)
        return signed, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def write(folder: Path, issued: tuple[bytes, bytes]) -> tuple[Path, Path]:
    """Files as those of a Secret of the type kubernetes.io/tls."""
    files = folder / "tls.crt", folder / "tls.key"
    for file, content in zip(files, issued, strict=True):
        file.write_bytes(content)
    return files


def serial(certificate: bytes) -> int:
    """Which certificate one in PEM or DER is."""
    is_pem = certificate.startswith(b"-----")
    load = x509.load_pem_x509_certificate if is_pem else x509.load_der_x509_certificate
    return load(certificate).serial_number


def _name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=30))
    )
