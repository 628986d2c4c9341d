#!/usr/bin/env python
"""The command line of the fusion site: `manage.py serve`, `worker`, `createtoken`, `fuse`, and Django's own commands."""

import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line

from fusion_site.ops.garbage import spare_the_start

if __name__ == "__main__":
    spare_the_start()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "fusion_site.settings")
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as wrong:
        sys.exit(f"The settings cannot work: {wrong}")
