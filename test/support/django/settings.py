"""Settings for `python -m django`: the database that DJANGO_DATABASE names (a URL or a file)."""

import os
from urllib.parse import urlsplit

target = os.environ["DJANGO_DATABASE"]
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
INSTALLED_APPS = ["library"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
SECRET_KEY = "not used"
