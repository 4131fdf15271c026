//! The fleet: who the replicas are, what each says, and what that adds to the minutes.
//!
//! A round goes discovery → client → exposition → reading → counter → store, in the order of these files.

mod discovery;

mod client;
mod exposition;
mod reading;

mod counter;

mod baseline;
mod replica;
mod scraper;

pub(crate) use client::Trouble;
pub(crate) use counter::{Answered, Counter, Gains, Route, Traffic, Values};
pub(crate) use replica::{Rates, ReplicaView, State};
pub(crate) use scraper::{FleetView, Scraper};
