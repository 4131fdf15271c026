//! Waiting until the server says that it is ready.

use std::time::Duration;

use hyper::StatusCode;
use tokio::time::{Instant, sleep, timeout_at};

use crate::connection::Connection;
use crate::target::Target;

const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// Asks `/ready` at the target's host until it answers 200.
///
/// # Errors
///
/// What was heard last, where that is not so within `limit`.
pub(crate) async fn wait(target: &Target, limit: Duration) -> Result<(), String> {
    let end = Instant::now() + limit;
    let mut connection = Connection::to(&target.address);
    let mut heard = "no answer".to_owned();
    loop {
        match timeout_at(end, connection.send(target.ready())).await {
            Ok(Ok((StatusCode::OK, _))) => return Ok(()),
            Ok(Ok((status, _))) => heard = format!("it answered {status}"),
            Ok(Err(failure)) => heard = failure.message,
            Err(_) => {}
        }
        if Instant::now() + POLL_INTERVAL >= end {
            let limit = humantime::format_duration(limit);
            let address = &target.address;
            return Err(format!(
                "http://{address}/ready was not 200 within {limit}: {heard}; --wait-ready 0s starts without it"
            ));
        }
        sleep(POLL_INTERVAL).await;
    }
}
