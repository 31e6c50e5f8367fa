"""The tables of the benchmark that have a key of one column, as Django knows them."""

from django.db import models


class Customer(models.Model):
    id = models.BigAutoField(primary_key=True)
    name = models.TextField()
    email = models.TextField()
    country = models.TextField()
    created_at = models.DateTimeField()
    note = models.TextField(null=True)

    class Meta:
        managed = False
        db_table = "customers"


class Order(models.Model):
    id = models.BigAutoField(primary_key=True)
    customer = models.ForeignKey(Customer, models.CASCADE)
    placed_at = models.DateTimeField()
    status = models.TextField()
    total = models.DecimalField(max_digits=12, decimal_places=2)

    class Meta:
        managed = False
        db_table = "orders"


class Document(models.Model):
    id = models.BigAutoField(primary_key=True)
    customer = models.ForeignKey(Customer, models.CASCADE)
    title = models.TextField()
    meta = models.JSONField()
    body = models.TextField()

    class Meta:
        managed = False
        db_table = "documents"


class Blob(models.Model):
    id = models.BigAutoField(primary_key=True)
    document = models.ForeignKey(Document, models.CASCADE)
    data = models.BinaryField()

    class Meta:
        managed = False
        db_table = "blobs"
