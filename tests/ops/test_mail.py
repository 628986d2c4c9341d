"""The one address from which all settings of mail are read."""

from __future__ import annotations

import pytest
from django.core.exceptions import ImproperlyConfigured

from fusion_site.ops.mail import CONSOLE, mail_at


@pytest.mark.parametrize(
    ("url", "port", "tls", "ssl"),
    [
        ("smtp://user%40x:pa%2Fss@mail.example", 587, True, False),
        ("smtps://user%40x:pa%2Fss@mail.example", 465, False, True),
        ("smtp+plain://user%40x:pa%2Fss@mail.example:2525", 2525, False, False),
    ],
)
def test_an_address_says_all(url: str, port: int, tls: bool, ssl: bool) -> None:
    told = mail_at(url)
    assert (told["HOST"], told["PORT"], told["USE_TLS"], told["USE_SSL"]) == ("mail.example", port, tls, ssl)
    assert (told["HOST_USER"], told["HOST_PASSWORD"]) == ("user@x", "pa/ss")


def test_without_one_mails_are_printed() -> None:
    assert mail_at("") == {"BACKEND": CONSOLE}


@pytest.mark.parametrize(
    "url", ["mail.example:25", "http://mail.example", "smtp://", "smtp://mail.example:port"]
)
def test_one_that_is_none_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="FUSION_EMAIL_URL"):
        mail_at(url)
