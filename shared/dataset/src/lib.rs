//! Tables: reading, seeded splits, column summaries, a synthetic series.
