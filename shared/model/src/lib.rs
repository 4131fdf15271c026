//! Fitted, predict-only models: encoders, linear, forest. No training library.
