//! Tables packed with gzip and zstd: read as they are, and never by halves.

mod helpers;

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};

use dataset::{
    DatasetError, FileInput, Input, MemoryInput, ReadOptions, Table, read, read_input,
    read_input_with,
};
use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use sha2::{Digest, Sha256};

use crate::helpers::table;

/// Packed by the tools themselves, see the README beside them.
const PLAIN: &[u8] = include_bytes!("packed/rents.csv");
const GZIP: &[u8] = include_bytes!("packed/rents.csv.gz");
const ZSTD: &[u8] = include_bytes!("packed/rents.csv.zst");

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(vec![], Compression::default());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    compress_to_vec(bytes, CompressionLevel::Fastest)
}

fn read_bytes(name: &str, bytes: &[u8]) -> Result<Table, DatasetError> {
    read_input(&MemoryInput::new(name, bytes), &ReadOptions::new("rent"))
}

fn refusal(bytes: &[u8]) -> String {
    read_bytes("rents", bytes).expect_err("it is damaged").to_string()
}

/// Several blocks of either format.
fn long() -> Vec<u8> {
    table("size,rent", 60_000, |row| format!("{},{}", row * 7919 % 10_007, row * 31 % 997)).into()
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn assert_same(packed: &Table, plain: &Table) {
    assert_eq!(packed.dataset.signature(), plain.dataset.signature());
    assert_eq!(packed.dataset.target(), plain.dataset.target());
    assert_eq!(packed.dataset.n_rows(), plain.dataset.n_rows());
    let bits = |table: &Table| -> Vec<u64> {
        table.dataset.rows().iter().flatten().map(|value| value.to_bits()).collect()
    };
    assert_eq!(bits(packed), bits(plain));
}

#[test]
fn reads_what_gzip_and_zstd_wrote_whatever_its_name() {
    let plain = read_bytes("rents.csv", PLAIN).expect("a table");
    assert_eq!(plain.dataset.n_rows(), 40);
    for (name, bytes) in
        [("rents.csv.gz", GZIP), ("rents.csv", GZIP), ("rents.csv.zst", ZSTD), ("rents.gz", ZSTD)]
    {
        assert_same(&read_bytes(name, bytes).expect(name), &plain);
    }
    assert_same(&read_bytes("rents.csv.gz", PLAIN).expect("misnamed"), &plain);
}

#[test]
fn long_tables_arrive_whole() {
    let long = long();
    let plain = read_bytes("long.csv", &long).expect("a table");
    for packed in [gzip(&long), zstd(&long)] {
        assert_same(&read_bytes("long.csv.packed", &packed).expect("a table"), &plain);
    }
}

#[test]
fn the_hash_is_that_of_the_file_as_it_lies_there() {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, bytes) in [("rents.csv", PLAIN), ("rents.csv.gz", GZIP), ("rents.csv.zst", ZSTD)] {
        let path = folder.path().join(name).display().to_string();
        std::fs::write(&path, bytes).expect("a file");
        let table = read(&path, &ReadOptions::new("rent")).expect(name);
        assert_eq!(table.source.sha256, sha256(bytes), "{name}");
        assert_eq!(table.source.n_bytes, bytes.len() as u64, "{name}");
        let test = read_input_with(&FileInput::new(&path), table.dataset.signature());
        assert_eq!(test.expect(name).source.sha256, sha256(bytes), "{name} as a test table");
    }
}

#[test]
fn parts_one_after_another_are_one_table() {
    let (first, second) = PLAIN.split_at(PLAIN.len() / 2);
    let plain = read_bytes("rents.csv", PLAIN).expect("a table");
    let skipped = [b"\x53\x2a\x4d\x18\x05\0\0\0junk!".to_vec(), zstd(PLAIN)].concat();
    let parts = [
        [gzip(first), gzip(second)].concat(),
        [zstd(first), zstd(second)].concat(),
        [zstd(first), b"\x50\x2a\x4d\x18\0\0\0\0".to_vec(), zstd(second)].concat(),
        skipped,
    ];
    for bytes in parts {
        let table = read_bytes("parts", &bytes).expect("a table");
        assert_same(&table, &plain);
        assert_eq!(table.source.sha256, sha256(&bytes));
    }
}

#[test]
fn a_cut_off_stream_is_never_a_shorter_table() {
    let begins = "`rents` is packed with ";
    for (format, bytes) in [("gzip", GZIP), ("zstd", ZSTD)] {
        for length in 5..bytes.len() {
            let message = refusal(&bytes[..length]);
            let expected = format!(
                "{begins}{format}, and damaged or cut off: it ends in the middle; fetch or write it again"
            );
            assert_eq!(message, expected, "{format}, {length} of {} bytes", bytes.len());
        }
    }
    let long = long();
    for packed in [gzip(&long), zstd(&long)] {
        let message = refusal(&packed[..packed.len() - 1]);
        assert!(message.contains("it ends in the middle"), "{message}");
    }
    // The second of two parts.
    for bytes in
        [[GZIP, &GZIP[..GZIP.len() - 9]].concat(), [ZSTD, &ZSTD[..ZSTD.len() - 9]].concat()]
    {
        assert!(refusal(&bytes).contains("damaged or cut off"), "{}", refusal(&bytes));
    }
}

#[test]
fn what_follows_a_stream_is_damage() {
    for bytes in [GZIP, ZSTD] {
        let message = refusal(&[bytes, b"size,rent\n"].concat());
        assert!(message.contains("damaged or cut off"), "{message}");
    }
}

#[test]
fn a_wrong_checksum_is_found() {
    for (bytes, place) in [(GZIP, GZIP.len() - 8), (GZIP, GZIP.len() - 1), (ZSTD, ZSTD.len() - 1)] {
        let mut bytes = bytes.to_vec();
        bytes[place] ^= 1;
        let message = refusal(&bytes);
        assert!(message.contains("damaged or cut off"), "{message}");
    }
}

proptest! {
    #[test]
    fn a_flipped_bit_never_makes_another_table(bit in 0..8_usize, place in 0_usize..4096) {
        let plain = read_bytes("rents.csv", PLAIN).expect("a table");
        for bytes in [GZIP, ZSTD] {
            let mut bytes = bytes.to_vec();
            let place = place % bytes.len();
            bytes[place] ^= 1 << bit;
            // A bit of gzip's header may change (its time, its system): then the table is the same.
            if let Ok(table) = read_bytes("rents", &bytes) {
                assert_same(&table, &plain);
            }
        }
    }

    #[test]
    fn no_bytes_behind_a_magic_number_do_harm(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        for magic in [&b"\x1f\x8b\x08\0"[..], b"\x28\xb5\x2f\xfd", b"\x50\x2a\x4d\x18"] {
            let _ = read_bytes("any", &[magic, &bytes[..]].concat());
        }
    }
}

#[test]
fn a_line_that_unpacks_to_gigabytes_is_refused_in_little_memory() {
    let mut encoder = GzEncoder::new(vec![], Compression::fast());
    encoder.write_all(b"size,rent\n").expect("memory");
    for _ in 0..64 {
        encoder.write_all(&[b'x'; 1 << 20]).expect("memory");
    }
    let message = refusal(&encoder.finish().expect("memory"));
    assert_eq!(message, "line 2 is longer than 16 MiB; is a quote left open?");
}

#[test]
fn other_packings_are_told_apart() {
    let cases: [(&[u8], &str); 9] = [
        (
            b"BZh91AY&SY\x12\x34",
            "the table is a bzip2 file, not CSV in UTF-8; unpack it first: `bunzip2`",
        ),
        (b"\xfd7zXZ\0\0\x04", "the table is an xz file, not CSV in UTF-8; unpack it first: `unxz`"),
        (b"PK\x03\x04\x14\0", "unpack it (`unzip`), or save it in Excel as \"CSV UTF-8\""),
        (b"7z\xbc\xaf\x27\x1c\0\x04", "unpack it first: `7z x`"),
        (b"\x04\x22\x4d\x18\x64", "unpack it first: `unlz4`"),
        (b"PAR1\x15\x04\x15", "the table is a Parquet file, not CSV in UTF-8; write it as CSV"),
        (b"ARROW1\0\0\xff", "the table is an Arrow file"),
        (
            b"\n<!DOCTYPE html>\n<html>",
            "the table is an HTML page, not CSV in UTF-8; check the address",
        ),
        (b"<?xml version=\"1.0\"?><Error>", "the table is an XML document"),
    ];
    for (bytes, expected) in cases {
        for bytes in [bytes.to_vec(), gzip(bytes)] {
            let message = refusal(&bytes);
            assert!(message.contains(expected), "{message}");
        }
    }
    assert!(
        refusal(&gzip(GZIP)).contains("packed twice: unpack it once"),
        "{}",
        refusal(&gzip(GZIP))
    );
    for header in ["PAR1", "BZh91", "7z", "ARROW1"] {
        let csv = table(&format!("{header},rent"), 12, |row| format!("{row},{row}"));
        assert!(read_bytes("rents.csv", csv.as_bytes()).is_ok(), "a column may be named {header}");
    }
}

#[test]
fn a_window_beyond_the_memory_of_a_trainer_is_refused() {
    // A frame header whose window descriptor says 2 GiB: exponent 21, mantissa 0.
    let message = refusal(b"\x28\xb5\x2f\xfd\x00\xa8\x01\x00\x00");
    assert!(message.contains("zstd --decompress --long=31"), "{message}");
}

#[test]
fn a_packed_file_that_changes_between_the_passes_is_refused() {
    struct Changing(AtomicBool);
    impl Input for Changing {
        fn location(&self) -> &str {
            "changing.csv.gz"
        }
        fn open(&self) -> Result<Box<dyn std::io::Read + '_>, DatasetError> {
            let is_second = self.0.swap(true, Ordering::Relaxed);
            Ok(Box::new(if is_second { &GZIP[..GZIP.len() / 2] } else { GZIP }))
        }
    }
    let error =
        read_input(&Changing(false.into()), &ReadOptions::new("rent")).expect_err("changed");
    assert!(matches!(error, DatasetError::Changed { .. }), "{error}");
}
