//! Reads the Prometheus text format 0.0.4, strictly: a line that is not understood makes the whole text worthless,
//! since nobody knows what else it says wrong.
//!
//! The format: <https://prometheus.io/docs/instrumenting/exposition_formats/#text-format-details>.
//! What the series mean is in `reading.rs`.

use std::borrow::Cow;

/// One line with a value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sample<'a> {
    /// Its line, from 1.
    pub(crate) line: usize,
    pub(crate) name: &'a str,
    /// In the order of the text.
    pub(crate) labels: Vec<(&'a str, Cow<'a, str>)>,
    /// May be infinite or not a number.
    pub(crate) value: f64,
}

/// The first line that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub(crate) struct BadLine {
    pub(crate) line: usize,
    pub(crate) reason: String,
}

impl Sample<'_> {
    /// A label's value.
    pub(crate) fn label(&self, name: &str) -> Option<&str> {
        self.labels.iter().find(|(label, _)| *label == name).map(|(_, value)| value.as_ref())
    }
}

/// Reads all samples.
///
/// # Errors
///
/// With the first line that the format does not allow, or where the last one has no end.
pub(crate) fn parse(text: &str) -> Result<Vec<Sample<'_>>, BadLine> {
    let mut samples = Vec::new();
    for (idx, line) in text.split_inclusive('\n').enumerate() {
        let bad = |reason: &str| BadLine { line: idx + 1, reason: reason.to_owned() };
        let line = line.strip_suffix('\n').ok_or_else(|| bad("the text breaks off in it"))?;
        let line = line.trim_matches([' ', '\t', '\r']);
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        samples.push(sample(line, idx + 1).map_err(|reason| bad(&reason))?);
    }
    Ok(samples)
}

fn sample(text: &str, line: usize) -> Result<Sample<'_>, String> {
    let (name, rest) = name(text, |byte| byte == b':').ok_or("a series' name is expected")?;
    let rest = rest.trim_start_matches([' ', '\t']);
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(rest) => labels(rest)?,
        None => (Vec::new(), rest),
    };
    let mut words = rest.split([' ', '\t']).filter(|word| !word.is_empty());
    let value = words.next().ok_or("a value is expected")?;
    let value = number(value).ok_or_else(|| format!("`{}` is no number", shown(value)))?;
    // A timestamp says when the value was taken; that it is a whole number is all that matters here.
    if words.next().is_some_and(|time| time.parse::<i64>().is_err()) || words.next().is_some() {
        return Err("only a timestamp may follow the value".to_owned());
    }
    Ok(Sample { line, name, labels, value })
}

/// What `{` is followed by, and the rest after its `}`.
type Labels<'a> = (Vec<(&'a str, Cow<'a, str>)>, &'a str);

fn labels(mut rest: &str) -> Result<Labels<'_>, String> {
    let blank = [' ', '\t'];
    let mut labels: Vec<(&str, Cow<'_, str>)> = Vec::new();
    loop {
        rest = rest.trim_start_matches(blank);
        if let Some(rest) = rest.strip_prefix('}') {
            return Ok((labels, rest));
        }
        let (label, after) = name(rest, |_| false).ok_or("a label's name is expected")?;
        let after = after.trim_start_matches(blank).strip_prefix('=');
        let after =
            after.ok_or_else(|| format!("`=` is expected after the label `{}`", shown(label)))?;
        let after = after.trim_start_matches(blank).strip_prefix('"');
        let after = after.ok_or_else(|| format!("the label `{}` has no quote", shown(label)))?;
        let (value, after) = quoted(after)?;
        if labels.iter().any(|(known, _)| *known == label) {
            return Err(format!("the label `{}` is there twice", shown(label)));
        }
        labels.push((label, value));
        rest = after.trim_start_matches(blank);
        match rest.strip_prefix(',') {
            Some(after) => rest = after,
            None if rest.starts_with('}') => {}
            None => return Err("`,` or `}` is expected after a label".to_owned()),
        }
    }
}

/// A label's value after its opening quote, and the rest after the closing one.
fn quoted(text: &str) -> Result<(Cow<'_, str>, &str), String> {
    let end = text.find(['"', '\\']).ok_or("a label's value has no end")?;
    if text[end..].starts_with('"') {
        return Ok((text[..end].into(), &text[end + 1..]));
    }
    let mut value = text[..end].to_owned();
    let mut chars = text[end..].char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => return Ok((value.into(), &text[end + at + 1..])),
            '\\' => match chars.next() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, escaped @ ('\\' | '"'))) => value.push(escaped),
                _ => return Err("`\\` is followed by none of `\\`, `\"` and `n`".to_owned()),
            },
            char => value.push(char),
        }
    }
    Err("a label's value has no end".to_owned())
}

/// A name at the start, of letters, digits that do not come first, `_` and what `more` allows.
fn name(text: &str, more: impl Fn(u8) -> bool) -> Option<(&str, &str)> {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || more(byte);
    let end = text.bytes().position(|byte| !is_part(byte)).unwrap_or(text.len());
    let starts = !text.starts_with(|first: char| first.is_ascii_digit());
    (end > 0 && starts).then(|| text.split_at(end))
}

/// A value as Go writes it.
fn number(text: &str) -> Option<f64> {
    match text {
        "+Inf" | "Inf" => Some(f64::INFINITY),
        "-Inf" => Some(f64::NEG_INFINITY),
        "NaN" => Some(f64::NAN),
        // Rust also reads `infinity` and such, which nobody writes here.
        _ if text.ends_with(|last: char| last.is_ascii_digit() || last == '.') => text.parse().ok(),
        _ => None,
    }
}

/// So much of a stranger's text as an error may hold.
fn shown(text: &str) -> String {
    let mut shown: String = text.chars().take(40).filter(|char| !char.is_control()).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_what_prometheus_documents() {
        let text = "# HELP http_requests_total The total number.\n# TYPE http_requests_total counter\n\
            http_requests_total{method=\"post\",code=\"200\"} 1027 1395066363000\n\n\
            msdos_file_access_time_seconds{path=\"C:\\\\DIR\\\\FILE.TXT\",error=\"no\\n\\\"x\\\"\"} 1.458255915e9\n\
            metric_without_timestamp_and_labels 12.47\n\
            something_weird{problem=\"division by zero\"} +Inf -3982045\n\
            empty{} 0\n trailing { a = \"b\" , } NaN\n";
        let samples = parse(text).unwrap();
        let at = |idx: usize| (samples[idx].line, samples[idx].name, samples[idx].value);
        assert_eq!(at(0), (3, "http_requests_total", 1027.0));
        assert_eq!(samples[0].label("code"), Some("200"));
        assert_eq!(samples[1].label("path"), Some("C:\\DIR\\FILE.TXT"));
        assert_eq!(samples[1].label("error"), Some("no\n\"x\""));
        assert_eq!(at(2), (6, "metric_without_timestamp_and_labels", 12.47));
        assert_eq!(at(3), (7, "something_weird", f64::INFINITY));
        assert_eq!(at(4), (8, "empty", 0.0));
        assert!(samples[5].value.is_nan() && samples[5].label("a") == Some("b"));
    }

    #[test]
    fn says_which_line_is_wrong_and_why() {
        let cases = [
            ("a 1\n<html>\n", 2, "a series' name is expected"),
            ("a 1\nb 2", 2, "breaks off"),
            ("a\n", 1, "a value is expected"),
            ("a one\n", 1, "`one` is no number"),
            ("a infinity\n", 1, "is no number"),
            ("a 1 now\n", 1, "only a timestamp"),
            ("a 1 2 3\n", 1, "only a timestamp"),
            ("a{b} 1\n", 1, "`=` is expected"),
            ("a{b=c} 1\n", 1, "has no quote"),
            ("a{b=\"c} 1\n", 1, "has no end"),
            ("a{b=\"\\t\"} 1\n", 1, "is followed by none"),
            ("a{b=\"1\",b=\"2\"} 1\n", 1, "is there twice"),
            ("a{b=\"1\" c=\"2\"} 1\n", 1, "`,` or `}`"),
            ("{\"error\":\"gone\"}\n", 1, "a series' name is expected"),
            ("9a 1\n", 1, "a series' name is expected"),
        ];
        for (text, line, reason) in cases {
            let bad = parse(text).expect_err(text);
            assert_eq!(bad.line, line, "{text:?}: {bad}");
            assert!(bad.reason.contains(reason), "{text:?}: {bad}");
        }
    }

    fn value() -> impl Strategy<Value = f64> {
        prop_oneof![any::<u32>().prop_map(f64::from), -1e300..1e300, Just(f64::INFINITY)]
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".*") {
            let _ = parse(&text);
            let _ = parse(&format!("{text}\n"));
        }

        #[test]
        fn no_text_like_the_format_makes_it_panic(text in r#"([a-z_{}="\\, \n#0-9.+-]|\\n|Inf|é)*"#) {
            let _ = parse(&text);
        }

        #[test]
        fn reads_back_what_is_written(labels in proptest::collection::btree_map("[a-z_][a-z0-9_]*", ".*", 0..4), value in value()) {
            let escaped = |text: &str| {
                text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
            };
            let inside: Vec<String> =
                labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
            let shown = if value.is_infinite() { "+Inf".to_owned() } else { format!("{value:e}") };
            let text = format!("series{{{}}} {shown}\n", inside.join(","));
            let samples = parse(&text).unwrap();
            prop_assert_eq!(samples.len(), 1);
            prop_assert_eq!(samples[0].value, value);
            for (name, value) in &labels {
                prop_assert_eq!(samples[0].label(name), Some(value.as_str()));
            }
        }

        #[test]
        fn a_text_that_breaks_off_is_not_taken(cut in 1usize..60) {
            let text = "http_requests_total{route=\"/predict\",status=\"200\"} 1027\n";
            let cut = cut.min(text.len() - 1);
            prop_assert!(parse(&text[..cut]).is_err());
        }
    }
}
