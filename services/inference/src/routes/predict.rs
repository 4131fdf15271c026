//! `POST /predict` and `POST /models/{model}/predict`: rows in, one number a row out.
//!
//! Bodies that are read whole; CSV that is answered while it comes is in `csv_stream.rs`.

use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use axum::body::Body;
use axum::extract::{Request as HttpRequest, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use schema::{Nulls, ReadOptions, Request, Rows};
use service_kit::budget::Share;
use service_kit::facts::RequestFacts;
use service_kit::problem::Problem;
use service_kit::{PerConnection, ResponseFuture};
use tokio_util::sync::CancellationToken;
use tower::Service;

use super::csv_stream;
use super::named::Named;
use crate::active_model::{ActiveModel, BodyFormat};
use crate::answered::AnsweredRows;
use crate::app::{App, AppState, bytes};
use crate::canary;
use crate::challenger::Challenger;
use crate::challenger_series::Outcome;
use crate::comparison::{Answered, OfferOnDrop};
use crate::error::PredictError;
use crate::served_model::ServedModel;

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Bodies from this size on are read beside the threads that answer.
const LARGE_BODY_BYTES: usize = 32 * 1024;
/// Predictions of more steps than this, about a millisecond, are computed there as well.
const LARGE_WORK: usize = 100_000;
/// Steps between two looks at whether the caller is still there.
const CHUNK_WORK: usize = 10_000_000;

/// Answers for the default model, behind the router or past it.
#[derive(Debug, Clone)]
pub(crate) struct Predict(pub(crate) PerConnection<App>);

impl Service<HttpRequest> for Predict {
    type Response = Response;
    type Error = Infallible;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: HttpRequest) -> ResponseFuture {
        let app = self.0.share();
        Box::pin(async move {
            let answer = answer(&app, app.models.default_model(), request).await;
            Ok(answer.unwrap_or_else(IntoResponse::into_response))
        })
    }
}

pub(crate) async fn predict_named(
    State(app): State<AppState>,
    Named(served): Named,
    request: HttpRequest,
) -> Result<Response, PredictError> {
    answer(&app, &served, request).await
}

async fn answer(
    app: &App,
    served: &Arc<ServedModel>,
    request: HttpRequest,
) -> Result<Response, PredictError> {
    let (head, body) = request.into_parts();
    let (facts, headers) = (RequestFacts::of(&head), &head.headers);
    // One version for the whole request, whatever the registry watcher does meanwhile.
    let champion = served.champion()?;
    let format = Format::of(headers)?;
    let options = ReadOptions {
        unknown_features: app.config.requests.unknown_features.into(),
        nulls: Nulls::BySignature,
    };
    if format == Format::Csv && csv_stream::is_wanted(head.version, headers) {
        return Box::pin(csv_stream::answer(app, champion, facts, body, options)).await;
    }
    let challenger = served.challenger.running();
    let limit = bytes(app.config.requests.max_body);
    let (bytes, share) = app.body_budget.read(body, limit).await?.into_parts();
    let (bytes, format) = match format {
        Format::Multipart { boundary } => {
            (Box::pin(csv_of_form(bytes, &boundary)).await?, BodyFormat::Csv)
        }
        Format::Csv => (bytes, BodyFormat::Csv),
        Format::Json => (bytes, BodyFormat::Json),
    };
    let is_canary_s =
        |challenger: &Arc<Challenger>| challenger.answers(canary::sticky_id(headers, &facts));
    let canary = challenger.clone().filter(is_canary_s);
    let compared =
        challenger.clone().zip(app.comparison.as_ref()).map(|(challenger, comparison)| {
            let (champion, body) = (Arc::clone(&champion), &bytes[..]);
            (comparison, Answered { served, champion, challenger, body, format, options })
        });
    let given_up = compared.clone().filter(|_| canary.is_some());
    let given_up = given_up.map(|(comparison, answered)| OfferOnDrop::new(comparison, answered));
    let job = Job {
        champion,
        canary,
        body: bytes.clone(),
        format,
        options,
        facts,
        abandoned: None,
        _share: share,
    };
    let answer = compute(app, job).await;
    given_up.into_iter().for_each(OfferOnDrop::call_off);
    let Answer { json, by } = answer?;
    // From here on nothing changes the answer.
    if let (AnsweredBy::Champion, BodyFormat::Json, Some(sample)) = (by, format, &served.sample) {
        sample.offer(&bytes);
    }
    if let (Some(challenger), AnsweredBy::ChampionInstead(outcome)) = (&challenger, by) {
        served.challenger.note_failure(challenger, outcome);
    } else if let Some((comparison, answered)) = compared {
        comparison.offer(answered);
    }
    let mut response = Response::new(Body::from(json));
    let headers = response.headers_mut();
    // Room for those that the layers around add, too: a map that grows moves all it has.
    headers.reserve(10);
    headers.insert(header::CONTENT_TYPE, JSON);
    Ok(response)
}

/// Computes what is small here, and what is large beside the threads that answer.
///
/// What is rare has a future of its own here and above: a small request's stays small as well.
async fn compute(app: &App, job: Job) -> Result<Answer, PredictError> {
    if job.body.len() >= LARGE_BODY_BYTES {
        return Box::pin(aside(app, job, |job| job.answer(job.read()?))).await;
    }
    let reading = job.read()?;
    if job.work(&reading) < LARGE_WORK {
        job.answer(reading)
    } else {
        Box::pin(aside(app, job, move |job| job.answer(reading))).await
    }
}

/// Waits for a turn and computes on a thread of its own; a caller that goes away ends the work.
async fn aside(
    app: &App,
    mut job: Job,
    compute: impl FnOnce(&Job) -> Result<Answer, PredictError> + Send + 'static,
) -> Result<Answer, PredictError> {
    let turn = Arc::clone(&app.batch_turns).acquire_owned().await.map_err(internal)?;
    let abandoned = job.abandoned.insert(CancellationToken::new());
    let _abandons = abandoned.clone().drop_guard();
    let computed = tokio::task::spawn_blocking(move || {
        let _turn = turn; // held to the end of the work, not of the wait for it
        compute(&job)
    });
    computed.await.map_err(internal)?
}

pub(super) fn internal(error: impl std::fmt::Display) -> PredictError {
    Problem::internal(error).into()
}

/// Everything between the body and the answer, in plain values.
struct Job {
    champion: Arc<ActiveModel>,
    /// The challenger, if this request is one of its share.
    canary: Option<Arc<Challenger>>,
    body: Bytes,
    format: BodyFormat,
    options: ReadOptions,
    facts: RequestFacts,
    /// Tells work aside that nobody waits for it any more; work here is never left alone.
    abandoned: Option<CancellationToken>,
    /// What the body takes of the budget, until the work is done.
    _share: Share,
}

/// A body that was read by the signature of the version that is to answer.
struct Reading {
    request: Request,
    by: AnsweredBy,
}

struct Answer {
    json: Vec<u8>,
    by: AnsweredBy,
}

/// One version answers all rows of a request: the champion, unless the request is a canary's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AnsweredBy {
    Champion,
    Canary,
    /// The canary could not, and this is why.
    ChampionInstead(Outcome),
}

impl Job {
    fn read(&self) -> Result<Reading, PredictError> {
        let by = match &self.canary {
            None => AnsweredBy::Champion,
            Some(canary) => match attempt(|| Ok(self.read_by_canary(&canary.model))) {
                Ok(Some(request)) => return Ok(Reading { request, by: AnsweredBy::Canary }),
                Ok(None) => AnsweredBy::ChampionInstead(Outcome::Refused),
                Err(outcome) => AnsweredBy::ChampionInstead(outcome),
            },
        };
        Ok(Reading { request: self.read_by_champion()?, by })
    }

    fn read_by_canary(&self, model: &ActiveModel) -> Option<Request> {
        let request =
            model.read_instead_of(&self.champion, &self.body, self.format, self.options)?;
        self.facts.set_n_rows(request.rows.n_rows());
        Some(request)
    }

    fn read_by_champion(&self) -> Result<Request, PredictError> {
        let request = self.champion.read(&self.body, self.format, self.options)?;
        self.facts.set_n_rows(request.rows.n_rows());
        Ok(request)
    }

    /// Steps that the prediction takes at most, some nanoseconds each.
    fn work(&self, reading: &Reading) -> usize {
        let champion = self.champion.work_per_row;
        let work_per_row = match (&self.canary, reading.by) {
            // Where it fails, the champion follows on the same thread.
            (Some(canary), AnsweredBy::Canary) => canary.model.work_per_row.max(champion),
            _ => champion,
        };
        reading.request.rows.n_rows().saturating_mul(work_per_row)
    }

    fn answer(&self, reading: Reading) -> Result<Answer, PredictError> {
        let Reading { request, by } = reading;
        if let (Some(canary), AnsweredBy::Canary) = (&self.canary, by) {
            match attempt(|| self.answer_by(&canary.model, &request)) {
                Ok(json) => return Ok(Answer { json, by }),
                Err(outcome) => {
                    let json = self.answer_by(&self.champion, &self.read_by_champion()?)?;
                    return Ok(Answer { json, by: AnsweredBy::ChampionInstead(outcome) });
                }
            }
        }
        Ok(Answer { json: self.answer_by(&self.champion, &request)?, by })
    }

    fn answer_by(&self, model: &ActiveModel, request: &Request) -> Result<Vec<u8>, PredictError> {
        let predictions = self.predict(model, request)?;
        let response = schema::Response {
            form: request.form,
            predictions: &predictions,
            model: model.manifest.model.as_str(),
            version: model.version(),
            request_id: self.facts.id().as_str(),
            warnings: &request.warnings,
            signature: model.signature(),
        };
        Ok(response.to_json())
    }

    fn predict(&self, model: &ActiveModel, request: &Request) -> Result<Vec<f64>, PredictError> {
        let started = Instant::now();
        let predictions = predict_rows(model, &request.rows, self.abandoned.as_ref())?;
        let seconds = started.elapsed().as_secs_f64();
        let answered = AnsweredRows {
            request_id: self.facts.id(),
            first_row: 0,
            rows: &request.rows,
            predictions: &predictions,
            warnings: &request.warnings,
        };
        model.series.record(&answered, seconds);
        Ok(predictions)
    }
}

/// One number a row, unless the caller goes away meanwhile.
pub(super) fn predict_rows(
    model: &ActiveModel,
    rows: &Rows,
    abandoned: Option<&CancellationToken>,
) -> Result<Vec<f64>, PredictError> {
    let mut predictions = vec![0.0; rows.n_rows()];
    let chunk_rows = (CHUNK_WORK / model.work_per_row.max(1)).max(1);
    let chunks = rows.values().chunks(chunk_rows * rows.n_features());
    for (values, out) in chunks.zip(predictions.chunks_mut(chunk_rows)) {
        if abandoned.is_some_and(CancellationToken::is_cancelled) {
            // Nobody waits for it: the time limit has answered, or the caller has gone.
            return Err(internal("the request was abandoned"));
        }
        model.pipeline.predict_into(values, out);
    }
    match predictions.iter().position(|prediction| !prediction.is_finite()) {
        Some(row) => Err(PredictError::NotFinite(row)),
        None => Ok(predictions),
    }
}

/// Lets a canary try; whatever becomes of it, the champion can still answer.
fn attempt<T>(work: impl FnOnce() -> Result<T, PredictError>) -> Result<T, Outcome> {
    // Nothing of it is used again after a panic.
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(PredictError::NotFinite(_))) => Err(Outcome::NotFinite),
        // An abandoned request ends here as well, and is not counted, since the champion gives it up too.
        Ok(Err(_)) | Err(_) => Err(Outcome::Panicked),
    }
}

/// How the rows are written.
#[derive(Debug, PartialEq)]
enum Format {
    Json,
    Csv,
    Multipart { boundary: String },
}

impl Format {
    const EXPECTED: [&'static str; 3] = ["application/json", "text/csv", "multipart/form-data"];

    /// By the content type; a body without one is taken for JSON.
    fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        let refuse = |given: &str| Problem::unsupported_media_type(Some(given), &Self::EXPECTED);
        let mut encodings = headers.get_all(header::CONTENT_ENCODING).iter();
        if encodings.any(|encoding| encoding != "identity") {
            return Err(refuse("a compressed body"));
        }
        let mut types = headers.get_all(header::CONTENT_TYPE).iter();
        let Some(value) = types.next() else { return Ok(Self::Json) };
        if types.next().is_some() {
            return Err(refuse("more than one type"));
        }
        let given = value.to_str().unwrap_or_default();
        let mut parts = given.split(';').map(str::trim);
        let essence = parts.next().unwrap_or_default();
        let is = |expected: &str| essence.eq_ignore_ascii_case(expected);
        if !parts.all(is_utf8) {
            Err(refuse(given))
        } else if is("application/json") {
            Ok(Self::Json)
        } else if is("text/csv") {
            Ok(Self::Csv)
        } else if is("multipart/form-data")
            && let Ok(boundary) = multer::parse_boundary(given)
        {
            Ok(Self::Multipart { boundary })
        } else {
            Err(refuse(given))
        }
    }
}

/// Whether a parameter of the content type leaves the body readable: any but another charset.
fn is_utf8(parameter: &str) -> bool {
    let Some((name, value)) = parameter.split_once('=') else { return true };
    let value = value.trim().trim_matches('"');
    !name.trim().eq_ignore_ascii_case("charset")
        || ["utf-8", "utf8", "us-ascii"].iter().any(|known| value.eq_ignore_ascii_case(known))
}

/// The CSV in the field `file` of a form.
async fn csv_of_form(bytes: Bytes, boundary: &str) -> Result<Bytes, PredictError> {
    let unreadable = |error: multer::Error| PredictError::InvalidMultipart(error.to_string());
    let whole = futures::stream::iter([Ok::<_, std::convert::Infallible>(bytes)]);
    let mut form = multer::Multipart::new(whole, boundary);
    let mut csv = None;
    while let Some(field) = form.next_field().await.map_err(unreadable)? {
        let is_file = field.name() == Some("file");
        let bytes = field.bytes().await.map_err(unreadable)?;
        if is_file && csv.replace(bytes).is_some() {
            let reason = "it has more than one field `file`; send them one by one";
            return Err(PredictError::InvalidMultipart(reason.to_owned()));
        }
    }
    csv.ok_or_else(|| {
        PredictError::InvalidMultipart("it has no field `file` with the CSV".to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn format(content_type: &'static str) -> Option<Format> {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        Format::of(&headers).ok()
    }

    #[test]
    fn knows_the_format_by_its_content_type() {
        assert_eq!(format("application/json; charset=utf-8"), Some(Format::Json));
        assert_eq!(format("Text/CSV"), Some(Format::Csv));
        let boundary = "x".to_owned();
        let multipart = format("multipart/form-data; boundary=x");
        assert_eq!(multipart, Some(Format::Multipart { boundary }));
        assert_eq!(format("multipart/form-data"), None, "there is no boundary");
        assert_eq!(format("application/x-www-form-urlencoded"), None);
        assert_eq!(format("application/json; charset=utf-16"), None);
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        assert!(Format::of(&headers).is_err(), "a compressed body");
        assert_eq!(Format::of(&HeaderMap::new()).ok(), Some(Format::Json));
    }
}
