use proptest::prelude::*;
use proptest::sample::select;

use super::super::json_body;
use super::*;
use crate::request::Nulls;

fn signature() -> Signature {
    serde_json::from_str(
        r#"{
            "features": [
                {"name": "carat", "dtype": "number", "range": {"minimum": 0.2, "maximum": 5.0}},
                {"name": "cut", "dtype": "category", "categories": ["Fair", "Ideal", "gewöhnlich"]},
                {"name": "grade", "dtype": "integer", "nullable": true, "range": {"minimum": 0, "maximum": 9}},
                {"name": "lab", "dtype": "boolean"}
            ],
            "outputs": [{"name": "price", "dtype": "number", "range": {"minimum": 1, "maximum": 9}}]
        }"#,
    )
    .expect("a valid signature")
}

/// Everything a request holds, floats by their bits.
fn all_of(request: &Request) -> String {
    let bits: Vec<u64> = request.rows.values().iter().map(|value| value.to_bits()).collect();
    format!("{bits:?} {:?} {:?} {}", request.form, request.warnings, request.by_position)
}

/// Whether the body is plain; where it is, both readers must have read the same.
fn is_plain(body: &str, options: ReadOptions) -> bool {
    let signature = signature();
    let Some(plain) = read(&signature, body.as_bytes(), options) else { return false };
    let by_serde = json_body::read(&signature, body.as_bytes(), options);
    assert_eq!(all_of(&plain), all_of(&by_serde.expect(body)), "{body}");
    true
}

#[test]
fn what_clients_send_is_plain() {
    for body in [
        r#"{"features":{"carat":0.9,"cut":"Ideal","grade":3,"lab":true}}"#,
        r#"{"features": {"lab": false, "grade": null, "cut": "gewöhnlich", "carat": -1.5e-3}}"#,
        r#"{"instances":[[0.9,"Ideal",3,true]]}"#,
        "\n{ \"instances\" :\r\n\t[ [ 0.9 , \"Never seen\" , 99 , false ] , [ 123456789.12345678901 , \"Fair\" , 0 , true ] ] } ",
        r#"{"instances":[[18446744073709551617,"Ideal",3,true],[0.18446744073709551617,"Ideal",3,true]]}"#, // 1 in 64 bits
        r#"{"instances":[{"lab":true,"cut":"Fair","carat":1,"grade":1},{"lab":true,"carat":1,"cut":"Fair","grade":1}]}"#,
    ] {
        assert!(is_plain(body, ReadOptions::default()), "{body}");
    }
}

#[test]
fn what_is_wrong_or_rare_is_left_to_the_other_reader() {
    for body in [
        "",
        "{}",
        "[]",
        r#"{"instances":[]}"#,
        r#"{"instances":[[0.9,"Ideal",3]]}"#,
        r#"{"instances":[[0.9,"Ideal",3,true,1]]}"#,
        r#"{"instances":[[0.9,"Ideal",3,true],]}"#,
        r#"{"instances":[[0.9,"Ideal",3,true]]"#,
        r#"{"instances":[[0.9,"Ideal",3,true]]}}"#,
        r#"{"instances":[[0.9,"Ideal",3,true]],"features":{}}"#,
        r#"{"instances":[[09,"Ideal",3,true]]}"#,
        r#"{"instances":[[.9,"Ideal",3,true]]}"#,
        r#"{"instances":[[9.,"Ideal",3,true]]}"#,
        r#"{"instances":[[+9,"Ideal",3,true]]}"#,
        r#"{"instances":[[-,"Ideal",3,true]]}"#,
        r#"{"instances":[[9e,"Ideal",3,true]]}"#,
        r#"{"instances":[[1e400,"Ideal",3,true]]}"#,
        r#"{"instances":[[1e18446744073709551617,"Ideal",3,true]]}"#, // 1e1 in 64 bits
        r#"{"instances":[[NaN,"Ideal",3,true]]}"#,
        r#"{"instances":[[null,"Ideal",3,true]]}"#,
        r#"{"instances":[[0.9,"Ideal",3.5,true]]}"#,
        r#"{"instances":[[0.9,"Ideal",3,1]]}"#,
        r#"{"instances":[[0.9,"Ideal",3,trues]]}"#,
        r#"{"instances":[["0.9","Ideal",3,true]]}"#,
        r#"{"instances":[[0.9,"Ide\u0061l",3,true]]}"#,
        "{\"instances\":[[0.9,\"Ide\nal\",3,true]]}",
        r#"{"features":{"carat":0.9,"cut":"Ideal","grade":3}}"#,
        r#"{"features":{"carat":0.9,"carat":0.9,"cut":"Ideal","grade":3,"lab":true}}"#,
        r#"{"features":{"carat":0.9,"cut":"Ideal","grade":3,"lab":true,"more":1}}"#,
    ] {
        assert!(!is_plain(body, ReadOptions::default()), "{body}");
    }
    let not_text = b"{\"instances\":[[0.9,\"Ide\xffal\",3,true]]}";
    assert!(read(&signature(), not_text, ReadOptions::default()).is_none());
}

fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        "-?(0|[1-9][0-9]{0,4})(\\.[0-9]{1,4})?",
        "-?(0|[1-9][0-9]{0,22})(\\.[0-9]{1,22})?([eE][+-]?[0-9]{1,4})?",
        "-?[0-9]{0,3}\\.?[0-9]{0,3}e?[+-]?[0-9]{0,2}",
        any::<f64>().prop_map(|value| format!("{value:?}")),
        any::<f64>().prop_map(|value| format!("{value:e}")),
        any::<i64>().prop_map(|value| value.to_string()),
        any::<u64>().prop_map(|value| value.to_string()),
    ]
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => number(),
        4 => select(vec!["\"Fair\"", "\"Ideal\"", "\"gewöhnlich\"", "\"new\"", "\"\""]).prop_map(str::to_owned),
        4 => select(vec!["true", "false", "null", "nul", "tru", "[]", "{}", "\"a\\n\""]).prop_map(str::to_owned),
    ]
}

/// A row of values that mostly fit, in any order of their names.
fn row() -> impl Strategy<Value = String> {
    let carat = prop_oneof![9 => number(), 1 => value()];
    let cut =
        prop_oneof![9 => select(vec!["\"Fair\"", "\"x\""]).prop_map(str::to_owned), 1 => value()];
    let grade = prop_oneof!["[0-9]{1,3}", "[0-9]{1,2}\\.0", Just("null".to_owned()), value()];
    let lab = prop_oneof![9 => select(vec!["true", "false"]).prop_map(str::to_owned), 1 => value()];
    let order = Just(vec![0, 1, 2, 3]).prop_shuffle();
    let space = "[ \n\t]{0,2}";
    (carat, cut, grade, lab, order, any::<bool>(), space).prop_map(
        |(carat, cut, grade, lab, order, is_object, space)| {
            let values = [carat, cut, grade, lab];
            let names = ["carat", "cut", "grade", "lab"];
            if is_object {
                let pair = |at: usize| format!("\"{}\"{space}:{space}{}", names[at], values[at]);
                let pairs: Vec<_> = order.into_iter().map(pair).collect();
                format!("{{{space}{}{space}}}", pairs.join(","))
            } else {
                format!("[{}{space}]", values.join(&format!("{space},")))
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn both_readers_read_the_same(
        rows in proptest::collection::vec(row(), 1..4),
        is_single in any::<bool>(),
        nulls in select(vec![Nulls::BySignature, Nulls::Allowed]),
    ) {
        let body = match is_single {
            true => format!("{{\"features\":{}}}", rows[0]),
            false => format!("{{\"instances\":[{}]}}", rows.join(",")),
        };
        is_plain(&body, ReadOptions { nulls, ..ReadOptions::default() });
    }

    #[test]
    fn usual_numbers_are_plain(number in "-?(0|[1-9][0-9]{0,18})(\\.[0-9]{1,20})?([eE][+-]?[0-9]{1,2})?") {
        let body = format!(r#"{{"instances":[[{number},"Fair",1,true]]}}"#);
        prop_assert!(is_plain(&body, ReadOptions::default()), "{}", body);
    }

    #[test]
    fn numbers_are_read_to_their_nearest_float(number in number()) {
        is_plain(&format!(r#"{{"instances":[[{number},"Fair",1,true]]}}"#), ReadOptions::default());
    }

    #[test]
    fn a_damaged_body_is_read_alike_or_left_alone(row in row(), at in any::<prop::sample::Index>(), with in "[\\[\\]{},:\"0-9eE.+ -]") {
        let body = format!("{{\"instances\":[{row}]}}");
        let places: Vec<usize> = body.char_indices().map(|(place, _)| place).collect();
        let mut damaged = body.clone();
        let place = places[at.index(places.len())];
        damaged.replace_range(place..=place + body[place..].chars().next().map_or(0, |c| c.len_utf8() - 1), &with);
        is_plain(&damaged, ReadOptions::default());
    }
}
