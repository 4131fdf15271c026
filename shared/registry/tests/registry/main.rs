//! The registry over a folder and in memory: publishing, aliases, damage, failing stores.

mod damage;
mod failing_store;
mod publishing;
