//! The real service over real TCP, beside real inference servers in processes of their own.

mod dashboard;
mod drift;
mod fleet;
mod helpers;
mod keys;
mod process;
mod replica;
mod restart;
mod series;
mod stream;
