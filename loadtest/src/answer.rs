//! What an answer says: which version gave which prediction, or why there is none.

use bytes::Bytes;
use hyper::StatusCode;
use serde::Deserialize;
use serde_json::Value;

use crate::failure::{Failure, FailureKind};

/// Longer codes are no codes.
const MAX_CODE: usize = 64;

/// The part of a prediction that must be the same whenever the same version is asked the same.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Answer {
    #[serde(default)]
    pub(crate) model: String,
    pub(crate) version: u64,
    /// The answer for one row.
    #[serde(default)]
    prediction: Option<Value>,
    /// The answer for many.
    #[serde(default)]
    predictions: Option<Value>,
}

impl Answer {
    /// Reads an answer of the inference server.
    ///
    /// # Errors
    ///
    /// Where its status is not 200, or it holds no prediction of a version.
    pub(crate) fn read(status: StatusCode, body: &Bytes) -> Result<Self, Failure> {
        if status != StatusCode::OK {
            let kind = FailureKind::Status(status.as_u16());
            return Err(Failure::new(kind, refusal(status, body)));
        }
        let unreadable = |message: String| Failure::new(FailureKind::Unreadable, message);
        let answer: Self = serde_json::from_slice(body)
            .map_err(|error| unreadable(format!("the answer is no prediction: {error}")))?;
        match answer.value() {
            Some(_) => Ok(answer),
            None => Err(unreadable("the answer holds no prediction".to_owned())),
        }
    }

    /// The prediction, or the list of them.
    pub(crate) fn value(&self) -> Option<&Value> {
        self.prediction.as_ref().or(self.predictions.as_ref())
    }
}

/// The status in words, and the problem's code where there is one.
fn refusal(status: StatusCode, body: &Bytes) -> String {
    #[derive(Deserialize)]
    struct Problem {
        code: String,
    }
    let status = status.to_string().replace(" <unknown status code>", "");
    match serde_json::from_slice::<Problem>(body) {
        Ok(problem) => {
            let code: String = problem.code.chars().take(MAX_CODE).collect();
            format!("{status}: {code}")
        }
        Err(_) => status,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(status: u16, body: &'static str) -> Result<Answer, Failure> {
        let status = StatusCode::from_u16(status).expect("a status");
        Answer::read(status, &Bytes::from_static(body.as_bytes()))
    }

    #[test]
    fn reads_version_and_prediction() {
        let one = read(200, r#"{"prediction":1.5,"model":"m","version":3,"request_id":"a"}"#);
        let one = one.expect("a prediction");
        assert_eq!((one.model.as_str(), one.version), ("m", 3));
        let same = read(200, r#"{"prediction":1.50,"model":"m","version":3,"request_id":"b"}"#);
        assert_eq!(Ok(one), same, "the request's id is no part of the prediction");
        let many = read(200, r#"{"predictions":[1.5,2],"version":3}"#).expect("predictions");
        assert_eq!(many.value(), Some(&serde_json::json!([1.5, 2])));
    }

    #[test]
    fn names_status_and_code_of_a_refusal() {
        let message = |status, body| read(status, body).expect_err("a failure").message;
        assert_eq!(
            message(503, r#"{"code":"draining","detail":"x"}"#),
            "503 Service Unavailable: draining"
        );
        assert_eq!(message(502, "<html>"), "502 Bad Gateway");
        assert_eq!(message(599, ""), "599");
        let kind = read(429, "").expect_err("a failure").kind;
        assert_eq!(kind.to_string(), "status_429");
        let kind = read(204, "").expect_err("a failure").kind;
        assert_eq!(kind.to_string(), "status_204");
    }

    #[test]
    fn a_200_without_a_prediction_is_a_failure() {
        for body in ["", "{}", "[]", r#"{"version":1}"#, r#"{"prediction":null,"version":1}"#] {
            let failure = read(200, body).expect_err(body);
            assert_eq!(failure.kind, FailureKind::Unreadable, "{body}");
        }
    }
}
