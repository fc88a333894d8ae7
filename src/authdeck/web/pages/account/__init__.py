"""An account's page, which is the drawer's inside too: one file a tab."""

from authdeck.web.pages.account import acts, document, history, models, quota, settings, view

ROUTES = (
    *view.ROUTES,
    *acts.ROUTES,
    *settings.ROUTES,
    *models.ROUTES,
    *document.ROUTES,
    *history.ROUTES,
    *quota.ROUTES,
)
