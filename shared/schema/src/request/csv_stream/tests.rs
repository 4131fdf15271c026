use proptest::prelude::*;

use super::*;
use crate::{UnknownFeatures, Warnings};

fn signature() -> Signature {
    serde_json::from_str(
        r#"{
            "features": [
                {"name": "a", "dtype": "number", "range": {"minimum": 0, "maximum": 5}},
                {"name": "b", "dtype": "category", "nullable": true, "categories": ["x", "y\"\n,z"]}
            ],
            "outputs": [{"name": "price", "dtype": "number", "range": {"minimum": 1, "maximum": 9}}]
        }"#,
    )
    .expect("a valid signature")
}

const IGNORING: ReadOptions =
    ReadOptions { unknown_features: UnknownFeatures::Ignore, nulls: crate::Nulls::BySignature };

/// The bits of the values, the warnings, and all bytes as they came back.
type Streamed = (Vec<u64>, Warnings, Vec<u8>);

/// Streams pieces of these lengths, over and over.
fn streamed(csv: &[u8], pieces: &[usize], limits: CsvLimits) -> Result<Streamed, RequestError> {
    let signature = signature();
    let mut stream = CsvStream::new(limits);
    let mut header = None;
    let (mut values, mut warnings, mut bytes) = (vec![], Warnings::default(), vec![]);
    let (mut rest, mut lengths) = (csv, pieces.iter().cycle());
    loop {
        let n = rest.len().min(*lengths.next().expect("pieces"));
        stream.push(&rest[..n]);
        rest = &rest[n..];
        if rest.is_empty() {
            stream.finish();
        }
        if header.is_none() {
            header = stream.header(&signature, IGNORING)?;
            bytes.extend_from_slice(header.as_ref().map_or(&[], CsvHeader::bytes));
        }
        let Some(header) = &header else { continue };
        while let Some(chunk) = stream.next_chunk()? {
            let request = chunk.read(&signature, header, IGNORING)?;
            assert_eq!(values.len(), chunk.first_row() * 2);
            values.extend(request.rows.values().iter().map(|value| value.to_bits()));
            warnings.extend(request.warnings);
            bytes.extend_from_slice(chunk.bytes());
        }
        if stream.is_last {
            bytes.extend_from_slice(stream.rest());
            return Ok((values, warnings, bytes));
        }
    }
}

fn limits(chunk_bytes: usize) -> CsvLimits {
    CsvLimits { chunk_bytes, max_record_bytes: 1 << 20 }
}

/// Lines that are right, unusual or wrong, ended in each way.
fn any_csv() -> impl Strategy<Value = Vec<u8>> {
    let header = prop_oneof![
        8 => Just("a,b"),
        4 => Just("id,b,\"a\""),
        1 => Just("b"),
        1 => Just("a,a,b"),
        1 => Just(""),
        1 => Just("\"a,b"),
    ];
    let cell = prop_oneof![
        8 => Just("1.5"), 8 => Just("x"), 4 => Just(""), 4 => Just("9"), 4 => Just("\"y\"\"\n,z\""),
        2 => Just("\"1\r\n\""), 1 => Just("\"x\"y"), 1 => Just("é"), 1 => Just("\""), 1 => Just("NaN"),
        1 => Just("6\" pipe"),
    ];
    let typical = (Just("3"), prop_oneof![Just("x"), Just("\"y\"\"\n,z\""), Just("q")])
        .prop_map(|(a, b)| format!("{a},{b}"));
    let odd = proptest::collection::vec(cell, 1..4).prop_map(|cells| cells.join(","));
    let line = prop_oneof![6 => typical, 2 => odd, 1 => Just(String::new())];
    let end = prop_oneof![6 => Just("\n"), 3 => Just("\r\n"), 1 => Just("\r")];
    let lines = proptest::collection::vec((line, end), 0..12);
    (any::<bool>(), header, lines, any::<bool>(), proptest::option::weighted(0.1, any::<u8>()))
        .prop_map(|(has_bom, header, lines, is_ended, byte)| {
            let mut csv = if has_bom { "\u{feff}".to_owned() } else { String::new() };
            csv.push_str(header);
            csv.push('\n');
            lines.iter().for_each(|(line, end)| csv.extend([line, *end]));
            let mut csv = csv.into_bytes();
            if !is_ended {
                csv.pop();
            }
            if let Some(byte) = byte {
                let middle = csv.len() / 2;
                csv.insert(middle, byte);
            }
            csv
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn however_it_is_cut_a_stream_is_read_as_the_whole(
        csv in any_csv(),
        pieces in proptest::collection::vec(1_usize..9, 1..5),
        chunk_bytes in 1_usize..40,
    ) {
        let whole = signature().read_csv(&csv, IGNORING);
        match (streamed(&csv, &pieces, limits(chunk_bytes)), whole) {
            (Ok((values, warnings, bytes)), Ok(request)) => {
                let expected: Vec<_> = request.rows.values().iter().map(|v| v.to_bits()).collect();
                prop_assert_eq!(values, expected);
                prop_assert_eq!(warnings, request.warnings);
                prop_assert_eq!(bytes, csv, "every byte comes back");
            }
            (Err(error), Err(expected)) => prop_assert_eq!(error, expected),
            (streamed, whole) => prop_assert!(false, "{:?} and {:?}", streamed, whole),
        }
    }
}

#[test]
fn counts_rows_and_lines_over_the_whole_stream() {
    let csv = "a,b\r\n\n".to_owned() + &"1,\"y\"\"\n,z\"\n".repeat(1_000) + "one,x\n";
    for chunk_bytes in [1, 100, 1 << 20] {
        let mut stream = CsvStream::new(limits(chunk_bytes));
        stream.push(csv.as_bytes());
        stream.finish();
        let header = stream.header(&signature(), IGNORING).expect("a header").expect("whole");
        let error = loop {
            let chunk = stream.next_chunk().expect("CSV").expect("the row is found before the end");
            if let Err(error) = chunk.read(&signature(), &header, IGNORING) {
                assert_eq!(chunk.line_of(error.row().expect("a row")), 2_003);
                break error;
            }
        };
        let message = "feature `a` in row 1000 is `one`; expected a number (seen 0 to 5)";
        assert_eq!(error.to_string(), message);
    }
}

#[test]
fn holds_no_more_than_a_chunk_and_a_piece() {
    let mut stream = CsvStream::new(limits(1_000));
    stream.push(b"a,b\n");
    let header = stream.header(&signature(), IGNORING).expect("a header").expect("whole");
    let piece = "1.25,x\n".repeat(100);
    let mut n_rows = 0;
    for _ in 0..10_000 {
        stream.push(piece.as_bytes());
        while let Some(chunk) = stream.next_chunk().expect("CSV") {
            n_rows += chunk.read(&signature(), &header, IGNORING).expect("rows").rows.n_rows();
            assert!(chunk.n_held_bytes() < 10_000);
        }
        assert!(stream.n_held_bytes() < 20_000, "{}", stream.n_held_bytes());
    }
    assert!(n_rows > 999_000, "{n_rows}");
}

#[test]
fn a_record_without_an_end_is_refused_and_not_held() {
    let mut stream = CsvStream::new(CsvLimits { chunk_bytes: 10, max_record_bytes: 1_000 });
    stream.push(b"a,b\n1,x\n2,\"");
    let header = stream.header(&signature(), IGNORING).expect("a header").expect("whole");
    let mut n_rows = 0;
    let error = loop {
        stream.push(&[b'\n'; 100]);
        match stream.next_chunk() {
            Ok(Some(chunk)) => {
                n_rows += chunk.read(&signature(), &header, IGNORING).expect("rows").rows.n_rows();
            }
            Ok(None) => assert!(stream.rest().len() < 2_000, "it goes on for ever"),
            Err(error) => break error,
        }
    };
    assert_eq!(n_rows, 1, "the row before it was answered");
    let message = "the body is not CSV: the row that begins in line 3 is longer than 1000 bytes; is a quote left open?";
    assert_eq!(error.to_string(), message);
}

#[test]
fn blank_lines_without_an_end_are_refused_and_not_held() {
    for start in ["", "a,b\n1,x\n"] {
        let mut stream = CsvStream::new(CsvLimits { chunk_bytes: 10, max_record_bytes: 1_000 });
        stream.push(start.as_bytes());
        let mut has_header = false;
        let error = loop {
            stream.push(&[b'\n'; 100]);
            assert!(stream.n_held_bytes() < 10_000, "it goes on for ever");
            if !has_header {
                match stream.header(&signature(), IGNORING) {
                    Ok(header) => has_header = header.is_some(),
                    Err(error) => break error,
                }
            } else if let Err(error) = stream.next_chunk() {
                break error;
            }
        };
        assert!(error.to_string().contains("is longer than 1000 bytes"), "{error}");
    }
}
