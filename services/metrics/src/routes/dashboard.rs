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

const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

macro_rules! asset {
    ($path:literal, $content_type:expr) => {
        Asset {
            path: concat!("/", $path),
            content_type: $content_type,
            text: include_str!(concat!("../dashboard/", $path)),
        }
    };
}

/// The page and what it loads.
const ASSETS: [Asset; 21] = [
    Asset {
        path: "/",
        content_type: "text/html; charset=utf-8",
        text: include_str!("../dashboard/index.html"),
    },
    asset!("dashboard.css", CSS),
    asset!("dashboard.js", SCRIPT),
    asset!("modules/aliases.js", SCRIPT),
    asset!("modules/chart.js", SCRIPT),
    asset!("modules/connection.js", SCRIPT),
    asset!("modules/dom.js", SCRIPT),
    asset!("modules/drift.js", SCRIPT),
    asset!("modules/events.js", SCRIPT),
    asset!("modules/fleet.js", SCRIPT),
    asset!("modules/format.js", SCRIPT),
    asset!("modules/glance.js", SCRIPT),
    asset!("modules/interval_plot.js", SCRIPT),
    asset!("modules/level.js", SCRIPT),
    asset!("modules/problems.js", SCRIPT),
    asset!("modules/quality.js", SCRIPT),
    asset!("modules/theme.js", SCRIPT),
    asset!("modules/traffic.js", SCRIPT),
    asset!("modules/versions.js", SCRIPT),
    asset!("vendor/uplot/uPlot.iife.min.js", SCRIPT),
    asset!("vendor/uplot/uPlot.min.css", CSS),
];

/// The paths of the page's files.
pub(crate) fn paths() -> impl Iterator<Item = &'static str> {
    ASSETS.iter().map(|asset| asset.path)
}

/// A route for each file; none needs a key.
pub(crate) fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    ASSETS
        .iter()
        .fold(Router::new(), |router, asset| router.route(asset.path, get(async || serve(asset))))
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// The files below a folder that a browser loads, as paths from it.
    fn files(folder: &Path, from: &str) -> Vec<String> {
        let entries = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
        let found = entries.flat_map(|entry| {
            let path = format!("{from}/{}", entry.file_name().into_string().unwrap());
            match entry.file_type().unwrap().is_dir() {
                true => files(&entry.path(), &path),
                false => vec![path],
            }
        });
        found.filter(|path| path.ends_with(".js") || path.ends_with(".css")).collect()
    }

    #[test]
    fn every_file_of_the_page_is_served() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/dashboard");
        let mut there = files(&folder, "");
        there.push("/".to_owned());
        there.sort();
        let mut served: Vec<_> = paths().collect();
        served.sort_unstable();
        assert_eq!(served, there);
    }

    #[test]
    fn the_page_works_offline_and_writes_no_markup_from_text() {
        for asset in ASSETS.iter().filter(|asset| !asset.path.starts_with("/vendor")) {
            let text = asset.text.replace("http://www.w3.org/2000/svg", "");
            for forbidden in ["https://", "//cdn", "innerHTML", "outerHTML", "insertAdjacentHTML"] {
                assert!(!text.contains(forbidden), "{} has {forbidden}", asset.path);
            }
        }
        let page = ASSETS[0].text;
        assert!(!page.contains("style=") && !page.contains("onclick"), "the policy forbids both");
    }
}
