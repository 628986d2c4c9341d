"""Second factors: whether a person has one, how their secrets rest, and the code that an app scans."""

from __future__ import annotations

from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from django.db.models import Exists, OuterRef
from qrcode import QRCode

from fusion_site.accounts.models import User
from fusion_site.accounts.sealing import SealContext, seal, unseal

# Recovery codes are none: they stand in for a factor that was lost, and are made together with the first.
TYPES = [Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN]
SEALED_FOR = SealContext(connection="second factor", team="", origin="")


def has_second_factor(user: User) -> bool:
    """Whether the person has set up an authenticator app, a passkey or a security key."""
    return bool(Authenticator.objects.filter(user=user, type__in=TYPES).exists())


def second_factor_of(person: str) -> Exists:
    """Give the same as a condition on rows whose field `person` is a user: `filter(second_factor_of("user"))`."""
    return Exists(Authenticator.objects.filter(user=OuterRef(person), type__in=TYPES))


class FactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]  # allauth ships no types
    """Seals what the codes are made from, and draws QR codes without the inline style that the policy forbids."""

    def encrypt(self, text: str) -> str:
        """Give a secret as it is stored."""
        return seal(text, context=SEALED_FOR)

    def decrypt(self, encrypted_text: str) -> str:
        """Give the secret back; raises SealBroken."""
        return unseal(encrypted_text, context=SEALED_FOR)

    def generate_authenticator_name(self, user: User, type: Authenticator.Type) -> str:  # noqa: A002
        """Give the name that is proposed for a new key."""
        count = Authenticator.objects.filter(user=user, type=type).count()
        return f"Passkey {count + 1}" if count else "Passkey"

    def build_totp_svg(self, url: str) -> str:
        """Give the QR code of `url` as an SVG element; a module is one unit, the quiet zone four."""
        code = QRCode(border=4)
        code.add_data(url)
        code.make()
        rows = code.get_matrix()
        dark = "".join(
            f"M{x} {y}h1v1h-1z" for y, row in enumerate(rows) for x, is_dark in enumerate(row) if is_dark
        )
        box = f'viewBox="0 0 {len(rows)} {len(rows)}"'
        return f'<svg class="qr" {box} role="img" aria-label="QR code"><path d="{dark}"/></svg>'
