"""Settings for `python3 -m django`: the database that BENCH_DATABASE names (a URL or a file)."""

import os
from urllib.parse import urlsplit

target = os.environ["BENCH_DATABASE"]
url = urlsplit(target)
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": url.path[1:],
        "USER": url.username,
        "PASSWORD": url.password,
        "HOST": url.hostname,
        "PORT": url.port,
    }
    if "://" in target
    else {"ENGINE": "django.db.backends.sqlite3", "NAME": target}
}
INSTALLED_APPS = ["shop"]
USE_TZ = True
SECRET_KEY = "not used"
