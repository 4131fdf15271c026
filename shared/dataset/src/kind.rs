//! The kinds of files that people take for CSV, known by how they begin.

use crate::DatasetError;

const UTF16: &str =
    "save it as UTF-8: in Excel as \"CSV UTF-8\", or with `iconv -f UTF-16 -t UTF-8`";
const ZIP: &str = "unpack it (`unzip`), or save it in Excel as \"CSV UTF-8\"";
const TWICE: &str = "it is packed twice: unpack it once";
const PAGE: &str = "check the address: a page to log in, or about the file, is not the file";

/// How a file begins, what it is, and what to do.
const KINDS: [(&[u8], &str, &str); 15] = [
    (b"\xff\xfe", "UTF-16 text", UTF16),
    (b"\xfe\xff", "UTF-16 text", UTF16),
    (b"\x1f\x8b", "a gzip file in a packed file", TWICE),
    (b"\x28\xb5\x2f\xfd", "a zstd file in a packed file", TWICE),
    (b"PK\x03\x04", "a zip file or an Excel workbook", ZIP),
    (b"PK\x05\x06", "a zip file or an Excel workbook", ZIP),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook", "save it in Excel as \"CSV UTF-8\""),
    (b"\xfd7zXZ\0", "an xz file", "unpack it first: `unxz`"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z file", "unpack it first: `7z x`"),
    (b"\x04\x22\x4d\x18", "an lz4 file", "unpack it first: `unlz4`"),
    (
        b"PAR1\x15",
        "a Parquet file",
        "write it as CSV (pandas: `read_parquet(…).to_csv(…, index=False)`)",
    ),
    (
        b"ARROW1\0\0",
        "an Arrow file",
        "write it as CSV (pandas: `read_feather(…).to_csv(…, index=False)`)",
    ),
    (b"<!doctype html", "an HTML page", PAGE),
    (b"<html", "an HTML page", PAGE),
    (b"<?xml", "an XML document", "check the address: this is not the table"),
];

/// Refuses what is known to be no CSV; `start` is the first line, or as much of it as there is.
pub(crate) fn check(start: &[u8]) -> Result<(), DatasetError> {
    let start = start.trim_ascii_start();
    let begins = |magic: &[u8]| {
        start.get(..magic.len()).is_some_and(|start| start.eq_ignore_ascii_case(magic))
    };
    let is_bzip2 = start.starts_with(b"BZh") && start.get(4..7) == Some(b"1AY");
    if is_bzip2 {
        let advice = "unpack it first: `bunzip2`";
        return Err(DatasetError::NotText { found: "a bzip2 file", advice });
    }
    match KINDS.into_iter().find(|(magic, ..)| begins(magic)) {
        Some((_, found, advice)) => Err(DatasetError::NotText { found, advice }),
        None => Ok(()),
    }
}
