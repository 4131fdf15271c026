//! The registry over a folder, in memory and on S3: publishing, aliases, the ledger, damage, stores that fail.

mod place;

mod history;
mod publishing;
mod racing;
mod retention;
mod stores;

mod damage;
mod no_thread;
mod signatures;
mod tampering;

mod bucket;
mod failing_store;
