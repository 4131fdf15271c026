//! One file per score.
