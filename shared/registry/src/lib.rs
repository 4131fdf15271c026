//! A model version's files: publish, resolve, load, verify, aliases.
