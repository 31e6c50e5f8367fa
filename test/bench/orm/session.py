"""The usual recovery script: `session.py out|in FILE` reads every row of each model, and adds them back on a bad day."""

import json
import os
import sys
from base64 import b64decode, b64encode
from datetime import datetime
from decimal import Decimal

from sqlalchemy import create_engine, inspect
from sqlalchemy.ext.automap import automap_base
from sqlalchemy.orm import Session

names = ["customers", "orders", "documents", "blobs"]
target = os.environ["BENCH_DATABASE"]
engine = create_engine(target.replace("postgres://", "postgresql://") if "://" in target else f"sqlite:///{target}")
base = automap_base()
base.prepare(engine, reflect=True)
models = [getattr(base.classes, name) for name in names]


def columns(model):
    return [(attribute.key, attribute.columns[0].type) for attribute in inspect(model).column_attrs]


def write(value):
    if isinstance(value, (bytes, memoryview)):
        return {"bytes": b64encode(value).decode()}
    if isinstance(value, datetime):
        return {"time": value.isoformat()}
    return {"number": str(value)} if isinstance(value, Decimal) else value


def read(value):
    if not isinstance(value, dict) or len(value) != 1:
        return value
    kind, text = next(iter(value.items()))
    makers = {"bytes": b64decode, "time": datetime.fromisoformat, "number": Decimal}
    return makers[kind](text) if kind in makers else value


def back_up(file):
    with Session(engine) as session, open(file, "w", encoding="utf-8") as out:
        for model in models:
            fields = [key for key, _ in columns(model)]
            for row in session.query(model).all():
                out.write(json.dumps([model.__table__.name, {key: write(getattr(row, key)) for key in fields}]) + "\n")


def restore(file):
    known = dict(zip(names, models))
    with Session(engine) as session, open(file, encoding="utf-8") as lines:
        try:
            for name in reversed(names):
                session.query(known[name]).delete()
            rows = {name: [] for name in names}
            for line in lines:
                name, values = json.loads(line)
                rows[name].append(known[name](**{key: read(value) for key, value in values.items()}))
            for name in names:
                session.add_all(rows[name])
                session.flush()
            session.commit()
        except Exception:
            session.rollback()
            raise


{"out": back_up, "in": restore}[sys.argv[1]](sys.argv[2])
