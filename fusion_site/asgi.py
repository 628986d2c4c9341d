"""The two doors of the site: HTTP, and WebSockets behind an origin check and the session.

It imports no server, so that any ASGI server can host it; without `manage.py serve`, runs are only stored.
"""

from __future__ import annotations

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "fusion_site.settings")
_http = get_asgi_application()

from channels.auth import AuthMiddlewareStack  # noqa: E402
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402

from fusion_site.ops.bodies import BodyCap  # noqa: E402
from fusion_site.ops.failing import Reported  # noqa: E402
from fusion_site.ops.origins import SameOrigin  # noqa: E402
from fusion_site.runs.routing import websocket_urlpatterns  # noqa: E402

application = Reported(
    ProtocolTypeRouter(
        {
            "http": BodyCap(_http),
            "websocket": SameOrigin(AuthMiddlewareStack(URLRouter(websocket_urlpatterns))),
        }
    )
)
