//! Complaints that last: logged once, not at every look.

/// The last complaint, so that it is logged once and not at every poll.
#[derive(Debug, Default)]
pub struct Complaint(String);

impl Complaint {
    /// Whether this is to be logged: it differs from the last one, spans of time aside.
    pub fn is_new(&mut self, reason: &str) -> bool {
        let is_new = !without_times(&self.0).eq(without_times(reason));
        if is_new {
            reason.clone_into(&mut self.0);
        }
        is_new
    }

    /// All is well: gives the complaint that is over, if there was one.
    pub fn settle(&mut self) -> Option<String> {
        Some(std::mem::take(&mut self.0)).filter(|complaint| !complaint.is_empty())
    }
}

/// An error and its causes in one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        line = format!("{line}: {error}");
        cause = error.source();
    }
    line
}

/// The words but for spans of time: a store says how long it tried, which is never twice the same.
fn without_times(reason: &str) -> impl Iterator<Item = &str> {
    let is_time = |word: &&str| {
        let word = word.trim_end_matches([',', '.', ')']);
        word.ends_with('s') && word.starts_with(|first: char| first.is_ascii_digit())
    };
    reason.split_whitespace().filter(move |word| !is_time(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_complaint_is_new_until_it_is_settled() {
        let mut complaint = Complaint::default();
        assert!(complaint.is_new("away") && !complaint.is_new("away"));
        assert!(complaint.is_new("slow"));
        assert_eq!(complaint.settle(), Some("slow".to_owned()));
        assert_eq!(complaint.settle(), None);
        assert!(complaint.is_new("slow"));
    }

    #[test]
    fn how_long_it_took_makes_no_new_complaint() {
        let mut complaint = Complaint::default();
        let away = |time: &str| format!("no answer from http://s3 in {time}, after 3 retries");
        assert!(complaint.is_new(&away("734.576337ms")));
        assert!(!complaint.is_new(&away("1.078298521s")));
        assert!(
            complaint.is_new("version 2 is refused") && complaint.is_new("version 3 is refused")
        );
    }
}
