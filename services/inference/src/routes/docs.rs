//! `GET /docs`: a page that shows `/openapi.json` and calls `/predict`. All of it is in the binary.

use axum::http::header;
use axum::response::{IntoResponse, Redirect};

/// The page loads nothing from elsewhere and calls nobody but this server.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";

/// `GET /`: a person who types the bare address finds the page.
pub(crate) async fn here() -> Redirect {
    Redirect::temporary("/docs")
}

pub(crate) async fn page() -> impl IntoResponse {
    asset("text/html; charset=utf-8", include_str!("../docs/index.html"))
}

pub(crate) async fn style() -> impl IntoResponse {
    asset("text/css; charset=utf-8", include_str!("../docs/docs.css"))
}

pub(crate) async fn script() -> impl IntoResponse {
    asset("text/javascript; charset=utf-8", include_str!("../docs/docs.js"))
}

fn asset(content_type: &'static str, text: &'static str) -> impl IntoResponse {
    let headers = [
        (header::CONTENT_TYPE, content_type),
        // The three belong together: after an upgrade none may come from an old cache.
        (header::CACHE_CONTROL, "no-cache"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
    ];
    (headers, text)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_page_works_offline_and_writes_no_markup_from_text() {
        let page = include_str!("../docs/index.html");
        let style = include_str!("../docs/docs.css");
        let script = include_str!("../docs/docs.js");
        for text in [page, style, script] {
            let linked = text.replace("http://www.w3.org/2000/svg", "");
            assert!(!linked.contains("//cdn") && !linked.contains("https://"), "{linked}");
        }
        for forbidden in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("]
        {
            assert!(!script.contains(forbidden), "{forbidden}");
        }
        assert!(!page.contains("style=") && !page.contains("onclick"), "the policy forbids both");
    }
}
