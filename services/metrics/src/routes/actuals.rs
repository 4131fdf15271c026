//! `POST /actuals`: what turned out to be true, by request id; as JSON or CSV.

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Deserialize;
use serde_json::json;

use super::body::{self, Format, Listed};
use crate::app::AppState;
use crate::clock;
use crate::error::ApiError;
use crate::store::Actual;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Actuals {
    actuals: Listed<Sent>,
}

/// One actual, as JSON and as a record of CSV.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sent {
    request_id: String,
    /// Requests of one row need not say it.
    #[serde(default)]
    row: Option<u32>,
    actual: f64,
}

/// Answers once all of them are on the disk; a body is taken whole or not at all.
pub(crate) async fn take(
    State(app): State<AppState>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let format = body::expect(&headers, &[Format::Json, Format::Csv])?;
    let (bytes, share) = app.body_budget.read(body, app.max_body()).await?.into_parts();
    let parsed = tokio::task::spawn_blocking(move || match format {
        Format::Json => from_json(&bytes),
        Format::Csv => from_csv(&bytes),
    });
    let actuals = parsed.await.map_err(ApiError::internal)??;
    let counts = app.store.add_actuals(actuals, clock::now()).await?;
    drop(share);
    app.series.count_actuals(counts);
    let answer = json!({
        "accepted": counts.accepted,
        "duplicates": counts.duplicates,
        "corrected": counts.corrected,
        "unmatched": counts.unmatched,
    });
    Ok(body::answer(StatusCode::OK, &answer))
}

fn from_json(bytes: &[u8]) -> Result<Vec<Actual>, ApiError> {
    let Actuals { actuals } = body::json(bytes)?;
    let actuals = actuals.0.into_iter().enumerate();
    let actuals = actuals.map(|(idx, sent)| {
        sent.actual()
            .map_err(|reason| ApiError::Invalid { place: format!("actuals[{idx}]"), reason })
    });
    actuals.collect()
}

fn from_csv(bytes: &[u8]) -> Result<Vec<Actual>, ApiError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(bytes);
    let unreadable = |error: csv::Error| {
        let line = error.position().map_or(1, csv::Position::line);
        // The place is said once.
        let reason = match error.kind() {
            csv::ErrorKind::Deserialize { err, .. } => err.to_string(),
            _ => error.to_string(),
        };
        ApiError::Invalid { place: format!("line {line}"), reason }
    };
    let header = reader.headers().map_err(unreadable)?.clone();
    for (idx, name) in header.iter().enumerate() {
        if !["request_id", "row", "actual"].contains(&name) {
            let reason = format!(
                "unknown column `{name}`; expected request_id, actual, and row where requests have several"
            );
            return Err(ApiError::Invalid { place: "line 1".to_owned(), reason });
        }
        if header.iter().take(idx).any(|before| before == name) {
            let reason = format!("the column `{name}` is there twice");
            return Err(ApiError::Invalid { place: "line 1".to_owned(), reason });
        }
    }
    let mut actuals = Vec::new();
    let mut record = csv::StringRecord::new();
    while reader.read_record(&mut record).map_err(unreadable)? {
        let sent: Sent = record.deserialize(Some(&header)).map_err(unreadable)?;
        let line = record.position().map_or(0, csv::Position::line);
        let invalid = |reason| ApiError::Invalid { place: format!("line {line}"), reason };
        actuals.push(sent.actual().map_err(invalid)?);
    }
    Ok(actuals)
}

impl Sent {
    fn actual(self) -> Result<Actual, String> {
        body::check_request_id(&self.request_id)?;
        if !self.actual.is_finite() {
            return Err(format!("actual: expected a number, got {}", self.actual));
        }
        Ok(Actual { request_id: self.request_id, row: self.row.unwrap_or(0), actual: self.actual })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(result: Result<Vec<Actual>, ApiError>) -> String {
        result.expect_err("it is refused").to_string()
    }

    #[test]
    fn csv_and_json_say_the_same() {
        let json = br#"{"actuals":[{"request_id":"a","actual":1.5},{"request_id":"b","row":3,"actual":-2}]}"#;
        let csv = b"\xef\xbb\xbfactual, request_id ,row\r\n1.5,a,\n\n-2,\"b\",3\n";
        let from_json = from_json(json).unwrap();
        assert_eq!(from_json, from_csv(csv).unwrap());
        assert_eq!(from_json[0], Actual { request_id: "a".to_owned(), row: 0, actual: 1.5 });
        assert_eq!(from_csv(b"request_id,actual\n").unwrap(), []);
    }

    #[test]
    fn mistakes_are_named_with_their_place() {
        let cases: [(&[u8], &str, &str); 7] = [
            (b"request_id,actual\na,1\nb,much\n", "line 3", "invalid float"),
            (b"request_id,actual\na,nan\n", "line 2", "expected a number"),
            (b"request_id,actual\na\n", "line 2", "1 fields"),
            (b"id,actual\na,1\n", "line 1", "unknown column `id`"),
            (b"request_id,actual,actual\na,1,2\n", "line 1", "twice"),
            (b"request_id\na\n", "line 2", "missing field `actual`"),
            (b"request_id,actual\n,1\n", "line 2", "request_id"),
        ];
        for (csv, place, reason) in cases {
            let said = said(from_csv(csv));
            assert!(said.starts_with(place) && said.contains(reason), "{said}");
        }
        let said = said(from_json(
            br#"{"actuals":[{"request_id":"a","actual":1},{"request_id":"b","actual":"2"}]}"#,
        ));
        assert!(said.contains("[1]") && said.contains("expected f64"), "{said}");
    }
}
