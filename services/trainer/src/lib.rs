//! Fits a model, evaluates it and publishes the version; then exits.
