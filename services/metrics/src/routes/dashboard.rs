//! `GET /`: the dashboard. All of it is in the binary; its numbers come from `/api/stream`, which needs a key.

use axum::Router;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;

/// The page loads nothing from elsewhere and calls nobody but this server.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";

/// A file of the page.
struct Asset {
    path: &'static str,
    content_type: &'static str,
    text: &'static str,
}

const HTML: &str = "text/html; charset=utf-8";

/// The page and what it loads.
const ASSETS: [Asset; 1] =
    [Asset { path: "/", content_type: HTML, text: include_str!("../dashboard/index.html") }];

/// The paths of the page's files.
pub(crate) fn paths() -> impl Iterator<Item = &'static str> {
    ASSETS.iter().map(|asset| asset.path)
}

/// A route for each file; none needs a key.
pub(crate) fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    ASSETS.iter().fold(Router::new(), |router, asset| {
        router.route(asset.path, get(async || serve(asset)))
    })
}

fn serve(asset: &Asset) -> impl IntoResponse {
    let headers = [
        (header::CONTENT_TYPE, asset.content_type),
        // The files belong together: after an upgrade none may come from an old cache.
        (header::CACHE_CONTROL, "no-cache"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
    ];
    (headers, asset.text)
}
