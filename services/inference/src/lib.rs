//! Answers predictions from a verified model version.
