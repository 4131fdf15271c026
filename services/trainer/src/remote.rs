//! Tables that lie elsewhere: fetched once into an unnamed file, so that every pass reads the same bytes.
//!
//! `dataset` reads what was fetched and undoes its packing; it knows nothing of networks.

mod address;
mod bucket;
mod download;
mod trouble;
mod web;

use anyhow::Context as _;
use dataset::Input;

use crate::context::Context;
use crate::stop::Stopped;
use crate::warning::RunWarning;

use address::Address;
use download::{Limits, Origin};

/// A table to read, and what a person should know of the way it came.
pub(crate) struct Located {
    pub(crate) input: Box<dyn Input>,
    pub(crate) warning: Option<RunWarning>,
}

/// Finds what a location names, and fetches it if it lies elsewhere.
pub(crate) fn locate(location: &str, context: &Context<'_>) -> anyhow::Result<Located> {
    let Some((address, shown)) = Address::of(location)? else {
        return Ok(Located { input: dataset::locate(location)?, warning: None });
    };
    // Not aws-lc, which needs cmake. Whoever came first chose the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let warning = address.is_plain().then(|| RunWarning::PlainHttp { location: shown.clone() });
    let limits = Limits::default();
    let origin = match address {
        Address::Web(url) => Origin::Web(web::Page::new(url, &limits)?),
        Address::Bucket { bucket, key } => {
            Origin::Bucket(bucket::Object::new(bucket, &key, &registry::s3::variables(), &limits)?)
        }
    };
    let fetched = context.wait(async {
        tokio::select! {
            biased;
            () = context.stop.token().cancelled() => Err(Stopped.into()),
            fetched = download::download(&origin, &shown, &limits) => fetched,
        }
    });
    let input = fetched.with_context(|| format!("fetching `{shown}`"))?;
    Ok(Located { input: Box::new(input), warning })
}
