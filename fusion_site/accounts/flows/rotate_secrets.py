"""Sealing stored secrets anew, under the first key of the keyring: how, and what this room keeps sealed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from allauth.mfa.models import Authenticator

from fusion_site.accounts.models import SignOn
from fusion_site.accounts.sealing import SealBroken, reseal


@dataclass
class Rotation:
    """How many secrets were sealed anew, how many were already, and the names of those which nothing opens."""

    resealed: int = 0
    current: int = 0
    broken: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Sealed:
    """A stored secret: whose it is, and how it is replaced where it is still the same; that gives the rows changed."""

    name: str
    text: str
    replace: Callable[[str], int]


# What rooms above keep sealed; this one may not import them.
_others: list[Callable[[], Iterable[Sealed]]] = []


def also_sealed(source: Callable[[], Iterable[Sealed]]) -> None:
    """Have the secrets of a room above sealed anew with all others."""
    if source not in _others:
        _others.append(source)


def sealed_elsewhere() -> Iterator[Sealed]:
    """Give the secrets of the rooms that said so."""
    for source in _others:
        yield from source()


def rotate(secrets: Iterable[Sealed]) -> Rotation:
    """Reseal all of them, one at a time: it may be stopped and run again, also while the site is in use."""
    done = Rotation()
    for secret in secrets:
        try:
            fresh = reseal(secret.text)
        except SealBroken:
            done.broken.append(secret.name)
            continue
        if fresh is None:
            done.current += 1
        else:
            done.resealed += secret.replace(fresh)
    return done


def sealed_of_accounts() -> Iterator[Sealed]:
    """Give the secrets of second factors and of teams' sign-in services."""
    for row in SignOn.objects.iterator():
        yield Sealed(f"sign-in service {row.pk}", row.sealed_secret, partial(_replace_secret, row))
    for factor in Authenticator.objects.exclude(type=Authenticator.Type.WEBAUTHN).iterator():
        for name in {"secret", "seed"} & set(factor.data):
            yield Sealed(f"factor {factor.pk}", factor.data[name], partial(_replace_factor, factor, name))


def _replace_secret(row: SignOn, fresh: str) -> int:
    return SignOn.objects.filter(pk=row.pk, sealed_secret=row.sealed_secret).update(sealed_secret=fresh)


def _replace_factor(factor: Any, name: str, fresh: str) -> int:
    same = Authenticator.objects.filter(pk=factor.pk, data=factor.data)
    return int(same.update(data={**factor.data, name: fresh}))
