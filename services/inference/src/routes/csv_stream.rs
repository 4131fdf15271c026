//! CSV in, CSV out while the rows still come: a chunk at a time, whatever the length of the whole.
//!
//! The first chunk is answered before the head is sent, so that what is wrong with it has a status of its own. What goes
//! wrong later is the last line, and the answer breaks off without its end: no client can take it for a whole one.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Version, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::Stream;
use http_body_util::BodyExt;
use schema::{CsvChunk, CsvHeader, CsvLimits, CsvStream, ReadOptions, cleaned};
use service_kit::budget::Share;
use service_kit::facts::RequestFacts;
use service_kit::problem::Problem;
use service_kit::rejection::Rejections;
use tokio::sync::{Semaphore, oneshot};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::predict::{internal, predict_rows};
use crate::active_model::ActiveModel;
use crate::answered::AnsweredRows;
use crate::app::App;
use crate::error::PredictError;

const CSV: HeaderValue = HeaderValue::from_static("text/csv; charset=utf-8; header=present");
const MODEL: HeaderName = HeaderName::from_static("x-canopy-model");
const VERSION: HeaderName = HeaderName::from_static("x-canopy-version");

/// Some hundred to some thousand rows: a turn of some milliseconds, after which another request may have one.
/// A longer row than a megabyte is no row.
const LIMITS: CsvLimits = CsvLimits { chunk_bytes: 64 << 10, max_record_bytes: 1 << 20 };
/// What a prediction takes until it is written: the number, and its text.
const ANSWER_BYTES: usize = 32;
/// How long a client that is still sending is listened to once its answer has failed: closed at once, its system would
/// throw away the line that says why.
const LEAVE: Duration = Duration::from_secs(2);

/// Whether the caller asks for CSV, and by a protocol that shows where an answer broke off.
pub(super) fn is_wanted(version: Version, headers: &HeaderMap) -> bool {
    let is_csv = |range: &str| {
        let mut parts = range.split(';').map(str::trim);
        parts.next().is_some_and(|essence| essence.eq_ignore_ascii_case("text/csv"))
            && !parts.any(|parameter| matches!(parameter, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
    };
    let ranges = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    version >= Version::HTTP_11 && ranges.flat_map(|ranges| ranges.split(',')).any(is_csv)
}

/// Answers with the champion alone: a canary that fails in a later chunk could not give way to it any more, and a
/// comparison would have to keep the rows.
pub(super) async fn answer(
    app: &App,
    champion: Arc<ActiveModel>,
    facts: RequestFacts,
    body: Body,
    options: ReadOptions,
) -> Result<Response, PredictError> {
    let abandoned = CancellationToken::new();
    let model = HeaderValue::from_str(champion.manifest.model.as_str()).map_err(internal)?;
    let version = HeaderValue::from(champion.version());
    let mut streamed = Streamed {
        body,
        csv: CsvStream::new(LIMITS),
        header: None,
        options,
        share: app.body_budget.share(),
        n_unwritten_bytes: 0,
        turns: Arc::clone(&app.batch_turns),
        stall_timeout: app.config.requests.stall_timeout,
        rejections: app.rejections.clone(),
        _abandons: abandoned.clone().drop_guard(),
        abandoned,
        tally: Tally {
            champion,
            facts,
            started: Instant::now(),
            n_rows: 0,
            seconds: 0.0,
            ended: Ended::Refused,
        },
    };
    let first = streamed.next().await?;
    streamed.tally.ended = Ended::GivenUp;
    let pieces = streamed.pieces(Next::Piece(first.unwrap_or_default()));
    let headers = [(header::CONTENT_TYPE, CSV), (MODEL, model), (VERSION, version)];
    Ok((headers, Body::from_stream(pieces)).into_response())
}

/// What the answer goes on with.
enum Next {
    Piece(Bytes),
    Rows,
    /// The error line is handed over; this says when it is written.
    BreakOff(oneshot::Receiver<()>),
    Nothing,
}

/// A body on its way to its answer.
struct Streamed {
    body: Body,
    csv: CsvStream,
    header: Option<Arc<CsvHeader>>,
    options: ReadOptions,
    /// What all of this takes of the budget for bodies.
    share: Share,
    n_unwritten_bytes: usize,
    turns: Arc<Semaphore>,
    stall_timeout: Duration,
    rejections: Rejections,
    abandoned: CancellationToken,
    _abandons: DropGuard,
    tally: Tally,
}

impl Streamed {
    fn pieces(self, next: Next) -> impl Stream<Item = std::io::Result<Bytes>> + Send {
        futures::stream::unfold((self, next), async |(mut streamed, next)| match next {
            Next::Piece(piece) => Some((Ok(piece), (streamed, Next::Rows))),
            Next::Rows => match streamed.next().await {
                Ok(Some(piece)) => Some((Ok(piece), (streamed, Next::Rows))),
                Ok(None) => {
                    streamed.tally.ended = Ended::Whole;
                    None
                }
                Err(error) => {
                    let (tell, written) = oneshot::channel();
                    let line = Bytes::from_owner(Told { line: streamed.fail(error), _tell: tell });
                    Some((Ok(line), (streamed, Next::BreakOff(written))))
                }
            },
            Next::BreakOff(written) => {
                streamed.leave(written).await;
                Some((
                    Err(std::io::Error::other("the rows could not all be answered")),
                    (streamed, Next::Nothing),
                ))
            }
            Next::Nothing => None,
        })
    }

    /// The answers to the next rows, as soon as enough of them are there; none after the last.
    async fn next(&mut self) -> Result<Option<Bytes>, PredictError> {
        loop {
            if let Some(header) = &self.header {
                let header = Arc::clone(header);
                match self.csv.next_chunk()? {
                    Some(chunk) => return self.predict(header, chunk).await.map(Some),
                    None if self.csv.is_finished() => return Ok(None),
                    None => self.read().await?,
                }
            } else {
                let signature = self.tally.champion.signature();
                match self.csv.header(signature, self.options)? {
                    Some(header) => self.header = Some(Arc::new(header)),
                    None => self.read().await?,
                }
            }
        }
    }

    /// Takes the next piece of the body.
    async fn read(&mut self) -> Result<(), PredictError> {
        let Ok(frame) = tokio::time::timeout(self.stall_timeout, self.body.frame()).await else {
            let waited = humantime::format_duration(self.stall_timeout);
            let detail = format!("nothing of the body came for {waited}");
            let status = StatusCode::BAD_REQUEST;
            return Err(
                Problem::new(status, "body_read_failed", "Body not readable", detail).into()
            );
        };
        match frame {
            None => self.csv.finish(),
            Some(Err(_)) => return Err(Problem::body_read_failed().into()),
            Some(Ok(frame)) => {
                if let Ok(piece) = frame.into_data() {
                    self.csv.push(&piece);
                    self.share.hold(self.csv.n_held_bytes() + self.n_unwritten_bytes)?;
                }
            }
        }
        Ok(())
    }

    /// Computes a chunk in a turn of its own, beside the threads that answer.
    async fn predict(
        &mut self,
        header: Arc<CsvHeader>,
        chunk: CsvChunk,
    ) -> Result<Bytes, PredictError> {
        let n_rows = chunk.n_rows();
        let row_bytes =
            self.tally.champion.signature().n_features() * size_of::<f64>() + ANSWER_BYTES;
        let n_held_bytes = self.csv.n_held_bytes() + chunk.n_held_bytes() + n_rows * row_bytes;
        self.share.hold(n_held_bytes + self.n_unwritten_bytes)?;
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(internal)?;
        let job = Job {
            champion: Arc::clone(&self.tally.champion),
            facts: self.tally.facts.clone(),
            header,
            chunk,
            options: self.options,
            abandoned: self.abandoned.clone(),
        };
        let predicted = tokio::task::spawn_blocking(move || {
            let _turn = turn; // held to the end of the work, not of the wait for it
            job.predict()
        });
        let (piece, seconds) = predicted.await.map_err(internal)??;
        self.tally.n_rows += n_rows;
        self.tally.seconds += seconds;
        self.n_unwritten_bytes = piece.len();
        self.share.hold(self.csv.n_held_bytes() + self.n_unwritten_bytes)?;
        Ok(piece.into())
    }

    /// Counts and logs what went wrong, and puts it into the last line.
    fn fail(&mut self, error: PredictError) -> Vec<u8> {
        let problem = Problem::from(error);
        let code = problem.code();
        self.rejections.count(code);
        self.tally.ended = Ended::Failed { code, cause: problem.cause().map(str::to_owned) };
        // A caller's text may hold line ends.
        format!("# error: {code}: {}\n", cleaned(problem.detail())).into_bytes()
    }

    /// Lets the client read the last line before the connection is cut.
    async fn leave(&mut self, written: oneshot::Receiver<()>) {
        let _ = tokio::time::timeout(self.stall_timeout, written).await;
        let rest = async { while let Some(Ok(_)) = self.body.frame().await {} };
        let _ = tokio::time::timeout(LEAVE, rest).await;
    }
}

/// A line that says when it is written: when nobody needs it any more.
struct Told {
    line: Vec<u8>,
    _tell: oneshot::Sender<()>,
}

impl AsRef<[u8]> for Told {
    fn as_ref(&self) -> &[u8] {
        &self.line
    }
}

/// One chunk, in plain values.
struct Job {
    champion: Arc<ActiveModel>,
    facts: RequestFacts,
    header: Arc<CsvHeader>,
    chunk: CsvChunk,
    options: ReadOptions,
    abandoned: CancellationToken,
}

impl Job {
    /// A line a row, and the seconds that the model alone took.
    fn predict(&self) -> Result<(Vec<u8>, f64), PredictError> {
        let Self { champion, chunk, .. } = self;
        let request = chunk.read(champion.signature(), &self.header, self.options)?;
        let started = Instant::now();
        let predictions =
            predict_rows(champion, &request.rows, Some(&self.abandoned)).map_err(|error| {
                match error {
                    PredictError::NotFinite(row) => {
                        PredictError::NotFinite(chunk.first_row() + row)
                    }
                    other => other,
                }
            })?;
        let seconds = started.elapsed().as_secs_f64();
        let mut lines = Vec::with_capacity(predictions.len() * ANSWER_BYTES);
        if chunk.first_row() == 0 {
            lines.extend_from_slice(b"prediction\n");
        }
        for prediction in &predictions {
            // As JSON has it: the shortest text that reads back to the same number.
            serde_json::to_writer(&mut lines, prediction).map_err(internal)?;
            lines.push(b'\n');
        }
        champion.series.count(&AnsweredRows {
            request_id: self.facts.id(),
            first_row: chunk.first_row(),
            rows: &request.rows,
            predictions: &predictions,
            warnings: &request.warnings,
        });
        Ok((lines, seconds))
    }
}

/// How a stream ended.
enum Ended {
    /// Before its answer began; the access line says so.
    Refused,
    /// The client left, read nothing for too long, or the server stopped.
    GivenUp,
    Whole,
    Failed {
        code: &'static str,
        cause: Option<String>,
    },
}

/// What a stream came to, recorded and logged once, however it ends: the access line is written with the answer's head.
struct Tally {
    champion: Arc<ActiveModel>,
    facts: RequestFacts,
    started: Instant,
    n_rows: usize,
    /// Of the model alone.
    seconds: f64,
    ended: Ended,
}

impl Drop for Tally {
    fn drop(&mut self) {
        if self.n_rows > 0 {
            self.champion.series.observe(self.seconds);
        }
        let (n_rows, request_id) = (self.n_rows, self.facts.id().as_str());
        let duration_ms = self.started.elapsed().as_micros() as f64 / 1_000.0;
        match &self.ended {
            Ended::Refused => {}
            Ended::Whole => {
                tracing::info!(n_rows, duration_ms, request_id, "a stream was answered to its end");
            }
            Ended::GivenUp => tracing::warn!(
                n_rows,
                duration_ms,
                request_id,
                "a stream was given up: its client left or read nothing for --stall-timeout, or the server stopped"
            ),
            Ended::Failed { code, cause: None } => tracing::warn!(
                error.code = code,
                n_rows,
                duration_ms,
                request_id,
                "a stream broke off"
            ),
            Ended::Failed { code, cause } => tracing::error!(
                error.code = code,
                cause,
                n_rows,
                duration_ms,
                request_id,
                "a stream broke off"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_only_for_those_who_ask_for_csv_and_see_where_it_breaks_off() {
        let wanted = |version, accept: &'static str| {
            let accept = (header::ACCEPT, HeaderValue::from_static(accept));
            is_wanted(version, &HeaderMap::from_iter([accept]))
        };
        assert!(wanted(Version::HTTP_11, "text/csv"));
        assert!(wanted(Version::HTTP_11, "application/json;q=0.5, Text/CSV; q=0.9"));
        assert!(!wanted(Version::HTTP_11, "*/*"));
        assert!(!wanted(Version::HTTP_11, "application/json, text/csv;q=0"));
        assert!(!wanted(Version::HTTP_10, "text/csv"), "its answers may end anywhere");
        assert!(!is_wanted(Version::HTTP_11, &HeaderMap::new()));
    }
}
