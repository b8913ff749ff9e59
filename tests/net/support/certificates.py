# SPDX-License-Identifier: Apache-2.0
"""A certification authority for tests, and certificates of hosts."""

from support.host import run


class Authority:
    """Files under 'folder'."""

    def __init__(self, folder, name="ca"):
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self.key = folder / f"{name}.key"
        self.certificate = folder / f"{name}.pem"
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
            "-nodes", "-subj", f"/CN={name}", "-days", "2", "-keyout", self.key,
            "-out", self.certificate)

    def host(self, name, days=2):
        """The files of a host of this name: certificate and key; with days=-1 it has expired."""
        request, extensions = self.folder / f"{name}.csr", self.folder / f"{name}.ext"
        certificate, key = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        extensions.write_text(f"subjectAltName=DNS:{name}\n", encoding="ascii")
        run("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-subj", f"/CN={name}", "-keyout", key, "-out", request)
        run("openssl", "x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.key,
            "-CAcreateserial", "-days", days, "-extfile", extensions, "-out", certificate)
        return certificate, key
