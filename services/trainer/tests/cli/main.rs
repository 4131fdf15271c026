//! The binary as people and Jobs use it: arguments in, output, exit code and registry out.

mod helpers;

mod bad_data;
mod bad_store;
mod champion;
mod fit;
mod flags;
mod killed;
mod output;
mod predict;
mod versions;
mod warnings;

mod canary;
mod compare;
mod divergence;
mod gates;
mod keys;
mod ledger;
mod prune;
mod race;
mod rollback;
