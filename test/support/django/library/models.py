"""Models with the kinds of fields that Django's serializers know."""

import uuid

from django.db import models


class Author(models.Model):
    name = models.CharField(max_length=200)
    note = models.TextField(null=True)
    born = models.DateField(null=True)
    wakes = models.TimeField(null=True)
    joined = models.DateTimeField(null=True)
    income = models.DecimalField(max_digits=20, decimal_places=4, null=True)
    height = models.FloatField(null=True)
    visits = models.BigIntegerField(default=0)
    active = models.BooleanField(null=True)
    photo = models.BinaryField(null=True)
    token = models.UUIDField(default=uuid.uuid4)
    extra = models.JSONField(null=True)


class Tag(models.Model):
    code = models.SlugField(primary_key=True)


class Book(models.Model):
    author = models.ForeignKey(Author, models.CASCADE, related_name="books")
    sequel_of = models.ForeignKey("self", models.SET_NULL, null=True)
    tags = models.ManyToManyField(Tag)
    title = models.CharField(max_length=200)


class Cover(models.Model):
    book = models.OneToOneField(Book, models.CASCADE, primary_key=True)
    color = models.CharField(max_length=20)
