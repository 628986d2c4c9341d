"""What runs are found by: the words of each, who starred it, and which tags its team gave it."""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models.lookups import Lookup
from django.utils import timezone

from fusion_site.accounts.ids import ID_LENGTH, new_id
from fusion_site.accounts.models import Team
from fusion_site.runs.models import Run


class Indexed(models.IntegerChoices):
    """How much of a run can be searched."""

    NOTHING = 0
    PROMPT = 1
    WHOLE = 2


class Document(models.Model):
    """One run in the index; the database itself makes it with the run, by a trigger. Its number orders what is found.

    A trigger also sets `indexed` back when the run is opened again or commented: then it is indexed anew.
    """

    id = models.BigAutoField(primary_key=True)
    run = models.OneToOneField(Run, on_delete=models.CASCADE, related_name="document")
    indexed = models.PositiveSmallIntegerField(choices=Indexed.choices, default=Indexed.NOTHING, db_default=0)

    class Meta:
        """What is to be indexed is found without a scan."""

        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=["indexed", "-id"],
                condition=models.Q(indexed__lt=Indexed.WHOLE),
                name="finding_to_index",
            )
        ]


class WordsField(models.TextField):  # type: ignore[type-arg]
    """All words of a run, in the form that the database searches them in."""


@WordsField.register_lookup
class Match(Lookup):
    """Whether the words match a query of the database's own search, as `index.query_text` writes it."""

    lookup_name = "match"
    prepare_rhs = False

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        """Give the condition for SQLite's FTS5, or for a tsvector of PostgreSQL's."""
        left, params = self.process_lhs(compiler, connection)
        form = "{} @@ %s::tsquery" if connection.vendor == "postgresql" else "{} MATCH %s"
        return form.format(left), (*params, self.rhs)


class Words(models.Model):
    """The index itself, in a table that `index.lay` makes: of FTS5 on SQLite, with a tsvector on PostgreSQL."""

    document = models.OneToOneField(
        Document, primary_key=True, db_column="rowid", on_delete=models.DO_NOTHING, related_name="words"
    )
    # FTS5 calls what stands for all of a row's words as it calls the table.
    words = WordsField(db_column="finding_words")

    class Meta:
        """Migrations know nothing of it."""

        managed = False
        db_table = "finding_words"


class Star(models.Model):
    """Somebody's own mark on a run."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="stars")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="stars")

    class Meta:
        """One per person and run."""

        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["person", "run"], name="one_star_per_person_and_run")
        ]


class Tag(models.Model):
    """A word that a team puts on runs. Two that differ only in case or accents are the same: `folded`."""

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, default=new_id, editable=False)
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="tags")
    name = models.CharField(max_length=40)
    folded = models.CharField(max_length=80)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        """By name."""

        ordering: ClassVar[list[str]] = ["folded", "id"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["team", "folded"], name="one_tag_per_team_and_word")
        ]

    def __str__(self) -> str:
        """Read as the word."""
        return self.name


class Tagged(models.Model):
    """A tag on a run."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="tagged")
    tag = models.ForeignKey(Tag, on_delete=models.CASCADE, related_name="tagged")

    class Meta:
        """Once."""

        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["tag", "run"], name="one_of_a_tag_per_run")
        ]
