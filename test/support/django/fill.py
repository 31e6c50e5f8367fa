"""Makes the tables of the models, and with `rows` as an argument puts rows in them."""

import datetime
import sys
from decimal import Decimal

import django

django.setup()

from django.core.management import call_command
from library.models import Author, Book, Cover, Tag

call_command("migrate", run_syncdb=True, verbosity=0)
if sys.argv[1:] == ["rows"]:
    first = Author.objects.create(
        name='Ada "the first"\n',
        note="",
        born=datetime.date(1815, 12, 10),
        wakes=datetime.time(6, 30, 0, 5),
        joined=datetime.datetime(2024, 2, 29, 12, 0, 0, 123456, tzinfo=datetime.timezone.utc),
        income=Decimal("1234567890.1200"),
        height=0.1,
        visits=2**63 - 1,
        active=False,
        photo=b"\x00\xff\n",
        extra={"b": [1, 2.5, None, "\n"], "a": {"€": True}},
    )
    second = Author.objects.create(name="Grace", active=True, extra="just text", income=Decimal("-5"))
    Author.objects.create(name="")
    tags = [Tag.objects.create(code=code) for code in ("old", "new-1")]
    book = Book.objects.create(author=first, title="Notes")
    book.tags.set(tags)
    sequel = Book.objects.create(author=second, sequel_of=book, title="More notes")
    sequel.tags.set(tags[:1])
    Cover.objects.create(book=sequel, color="blue")
