"""Addresses of the pages of connections, pools, judges and presets, and of the Compact host."""

from __future__ import annotations

from django.urls import URLPattern, path

from fusion_site.pools.views import (
    compact,
    editing,
    fetching,
    files,
    history,
    listing,
    openrouter,
    picking,
    presets,
    reaching,
    removing,
    renaming,
    sending,
    sets,
    trying,
)
from fusion_site.pools.views.things import CONNECTION, JUDGE, POOL, PRESET, Thing


def _pages_of(thing: Thing) -> list[URLPattern]:
    """Give the addresses of one kind: the list, making, changing, copying, deleting, sending to another team, versions."""
    base, own, extra = f"{thing.plural}/", f"{thing.plural}/<str:row_id>/", {"thing": thing}
    return [
        path(base, listing.index, extra, name=thing.plural),
        path(f"{base}new/", editing.new, extra, name=f"new_{thing.noun}"),
        path(own, editing.edit, extra, name=f"edit_{thing.noun}"),
        path(f"{own}duplicate/", removing.duplicate, extra, name=f"duplicate_{thing.noun}"),
        path(f"{own}delete/", removing.delete, extra, name=f"delete_{thing.noun}"),
        path(f"{own}send/", sending.send, extra, name=f"send_{thing.noun}"),
        path(f"{own}history/", history.history, extra, name=f"history_{thing.noun}"),
        path(f"{own}history/<int:number>/", history.version, extra, name=f"version_{thing.noun}"),
        path(f"{own}history/<int:number>/restore/", history.restore, extra, name=f"restore_{thing.noun}"),
    ]


urlpatterns = [
    path("connections/openrouter/", openrouter.leave, name="connect_openrouter"),
    path("connections/openrouter/<str:state>/", openrouter.back, name="openrouter_back"),
    path("presets/variables/", presets.variables, name="template_variables"),
    path("presets/<str:row_id>/default/", presets.default, name="default_preset"),
    path("import/", files.import_page, name="import"),
    path("sets/<slug:slug>/", sets.fill, name="fill_set"),
    path("export/", files.export_team, name="export"),
    *(
        path(
            f"{thing.plural}/<str:row_id>/export/",
            files.export_thing,
            {"thing": thing},
            name=f"export_{thing.noun}",
        )
        for thing in (POOL, JUDGE, PRESET)
    ),
    *(
        path(
            f"{thing.plural}/<str:row_id>/name/",
            renaming.rename,
            {"thing": thing},
            name=f"rename_{thing.noun}",
        )
        for thing in (POOL, JUDGE, PRESET)
    ),
    *(page for thing in (CONNECTION, POOL, JUDGE, PRESET) for page in _pages_of(thing)),
    path("connections/<str:row_id>/check/", reaching.check, name="check_connection"),
    path("connections/<str:row_id>/models/", reaching.catalogue, name="catalogue"),
    path("models/", picking.options, name="model_options"),
    path("compact/", compact.index, name="compact"),
    path("compact/state/", compact.state, name="compact_state"),
    path("compact/rates/", compact.rates, name="compact_rates"),
    path("compact/run/", compact.run, name="run_compact"),
    path("compact/settings/", compact.settle, name="settle_compact"),
    path("compact/template/", compact.template, name="set_template"),
    path("compact/files/look/", fetching.look, name="look_at_file"),
    path("compact/files/fetch/", fetching.fetch, name="fetch_file"),
    path("compact/files/progress/", fetching.progress, name="fetch_progress"),
    path("compact/files/stop/", fetching.stop, name="stop_fetch"),
    path("compact/files/remove/", compact.remove, name="remove_file"),
    path("compact/try/", trying.try_it, name="try_compact"),
]
