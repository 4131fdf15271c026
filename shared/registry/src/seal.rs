//! A JSON file that ends with its own digest, so that a change or a cut is noticed.

use serde::Serialize;

use crate::sha256_hex;

const START: &str = ",\n  \"seal\": \"";
const END: &str = "\"\n}\n";
const DIGEST_LEN: usize = 64;

/// Writes an object with its seal: `"seal": "<sha256 of every byte before the comma in front of it>"`.
pub(crate) fn sealed(object: &impl Serialize) -> String {
    let mut json = serde_json::to_string_pretty(object).expect("what is sealed is JSON");
    json.truncate(json.len() - "\n}".len());
    let seal = sha256_hex(json.as_bytes());
    json + START + &seal + END
}

/// Checks the seal and gives the object without it; an error says what is wrong with it.
pub(crate) fn unsealed(bytes: &[u8]) -> Result<Vec<u8>, &'static str> {
    let rest = bytes
        .strip_suffix(END.as_bytes())
        .ok_or("it does not end with its seal; it may be cut short")?;
    let (rest, seal) = rest
        .split_at_checked(rest.len().wrapping_sub(DIGEST_LEN))
        .ok_or("it is shorter than its seal")?;
    let body = rest.strip_suffix(START.as_bytes()).ok_or("it does not end with its seal")?;
    if sha256_hex(body).as_bytes() != seal {
        return Err("its seal is not that of its content");
    }
    Ok([body, b"\n}"].concat())
}
