"""Sealed keys open only under the site's keyring, and only for what they were sealed for."""

from __future__ import annotations

import pytest
from cryptography.fernet import Fernet
from pytest_django import Settings

from fusion_site.accounts.sealing import SealBroken, SealContext, origin_of, reseal, seal, unseal

HERE = SealContext(connection="c1", team="t1", origin="https://models.example:443")


def test_a_sealed_secret_opens_in_its_own_context_and_does_not_show() -> None:
    sealed = seal("sk-very-secret", context=HERE)
    assert "sk-very-secret" not in sealed
    assert sealed != seal("sk-very-secret", context=HERE)
    assert unseal(sealed, context=HERE) == "sk-very-secret"


@pytest.mark.parametrize(
    "other",
    [
        SealContext("c2", "t1", "https://models.example:443"),
        SealContext("c1", "t2", "https://models.example:443"),
        SealContext("c1", "t1", "https://evil.example:443"),
        SealContext("c1", "t1", "http://models.example:443"),
        SealContext("c1", "t1", "https://models.example:8443"),
    ],
)
def test_another_connection_team_or_origin_breaks_the_seal(other: SealContext) -> None:
    with pytest.raises(SealBroken):
        unseal(seal("sk-very-secret", context=HERE), context=other)


def test_an_altered_or_foreign_text_breaks_the_seal() -> None:
    sealed = seal("sk-very-secret", context=HERE)
    middle = len(sealed) // 2
    altered = sealed[:middle] + ("A" if sealed[middle] != "A" else "B") + sealed[middle + 1 :]
    for text in (altered, "", "not sealed at all", Fernet(Fernet.generate_key()).encrypt(b"{}").decode()):
        with pytest.raises(SealBroken):
            unseal(text, context=HERE)


def test_a_key_put_first_seals_anew_while_the_old_one_still_opens(settings: Settings) -> None:
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    settings.FUSION_SEALING_KEYS = [old]
    sealed = seal("sk-very-secret", context=HERE)

    settings.FUSION_SEALING_KEYS = [new, old]
    assert unseal(sealed, context=HERE) == "sk-very-secret"
    moved = reseal(sealed)
    assert moved is not None
    assert reseal(moved) is None, "what the first key seals is left as it is"

    settings.FUSION_SEALING_KEYS = [new]
    assert unseal(moved, context=HERE) == "sk-very-secret"
    with pytest.raises(SealBroken):
        unseal(sealed, context=HERE)
    with pytest.raises(SealBroken):
        reseal(sealed)


@pytest.mark.parametrize(
    ("base_url", "origin"),
    [
        ("https://Models.Example/v1", "https://models.example:443"),
        ("HTTPS://models.example.:443/other", "https://models.example:443"),
        ("http://127.0.0.1:8080/v1", "http://127.0.0.1:8080"),
        ("http://[0:0:0:0:0:0:0:1]:80/", "http://[::1]:80"),
        ("https://bücher.example", "https://xn--bcher-kva.example:443"),
        ("https://user:pass@models.example@evil.example/", "https://evil.example:443"),
    ],
)
def test_an_origin_is_scheme_host_and_port(base_url: str, origin: str) -> None:
    assert origin_of(base_url) == origin


@pytest.mark.parametrize(
    "base_url",
    ["", "models.example", "ftp://models.example", "https://", "https://host:99999", "https://[::1"],
)
def test_what_has_no_origin_is_refused(base_url: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        origin_of(base_url)
