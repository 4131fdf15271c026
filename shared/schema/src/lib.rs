//! Features, signatures, requests and responses: everything that crosses a process.
