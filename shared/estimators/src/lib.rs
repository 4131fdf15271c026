//! One file per estimator, fitting linfa and smartcore models into predict-only ones.
