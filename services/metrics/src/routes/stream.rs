//! `GET /api/stream`: the state as server-sent events, one for each snapshot.
//!
//! A reader that is slower than the snapshots gets the newest one and misses those between.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::Uri;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::{Stream, StreamExt, stream};
use service_kit::problem::Problem;

use crate::app::AppState;
use crate::error::ApiError;
use crate::selection::Asked;

/// A comment after so long without an event, so that nobody between takes the stream for dead.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Streams at once.
pub(crate) const MAX_STREAMS: usize = 100;

pub(crate) async fn stream(
    State(app): State<AppState>,
    uri: Uri,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, ApiError> {
    let asked = Asked::of(&uri)?;
    let mut snapshots = app.snapshots.subscribe();
    asked.select(&snapshots.borrow(), &app.config)?;
    let place = Arc::clone(&app.streams).try_acquire_owned();
    let place = place.map_err(|_| ApiError::Problem(Problem::overloaded()))?;
    // The present state comes at once.
    snapshots.mark_changed();
    let closing = app.closing.clone().cancelled_owned();
    let states = stream::unfold((app, snapshots), move |(app, mut snapshots)| {
        let asked = asked.clone();
        // It is given back with the stream.
        let _place = &place;
        async move {
            loop {
                snapshots.changed().await.ok()?;
                let snapshot = snapshots.borrow_and_update().clone();
                // A model that is gone for a while comes back.
                let Ok(selection) = asked.select(&snapshot, &app.config) else { continue };
                let json = app.states.json(&app, &snapshot, selection);
                let event = Event::default().event("state").data(json);
                return Some((Ok(event), (app, snapshots)));
            }
        }
    });
    let heartbeat = KeepAlive::new().interval(HEARTBEAT).text("still here");
    Ok(Sse::new(states.take_until(closing)).keep_alive(heartbeat))
}
