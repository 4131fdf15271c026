//! The real binary against real servers: what it counts, what it says, how it ends.

mod helpers;

mod failures;
mod pace;
mod rollout;
mod settings;
