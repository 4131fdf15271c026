//! `GET /docs`.

pub(crate) async fn page() -> &'static str {
    ""
}

pub(crate) async fn style() -> &'static str {
    ""
}

pub(crate) async fn script() -> &'static str {
    ""
}
