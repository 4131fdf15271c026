use proptest::prelude::*;

use super::*;

fn signature() -> Signature {
    serde_json::from_str(
        r#"{
            "features": [
                {"name": "carat", "dtype": "number", "range": {"minimum": 0.2, "maximum": 5.0}},
                {"name": "cut", "dtype": "category", "categories": ["Fair", "Ideal"]},
                {"name": "grade", "dtype": "integer", "nullable": true},
                {"name": "lab", "dtype": "boolean"}
            ],
            "outputs": [{"name": "price", "dtype": "number", "range": {"minimum": 1, "maximum": 9}}]
        }"#,
    )
    .expect("a valid signature")
}

fn read(body: &str) -> Result<Request, RequestError> {
    signature().read_json(body.as_bytes(), ReadOptions::default())
}

fn read_csv(body: &str) -> Result<Request, RequestError> {
    signature().read_csv(body.as_bytes(), ReadOptions::default())
}

const ROW: [f64; 4] = [0.9, 1.0, 3.0, 1.0];

#[test]
fn reads_every_form_into_the_same_row() {
    let bodies = [
        r#"{"features":{"carat":0.9,"cut":"Ideal","grade":3,"lab":true}}"#,
        r#"{"features":{"lab":true,"grade":3.0,"cut":"Ide\u0061l","c\u0061rat":9e-1}}"#,
        r#"{"instances":[{"cut":"Ideal","carat":0.9,"lab":true,"grade":3}]}"#,
        r#"{"instances":[[0.9,"Ideal",3,true]]}"#,
        "\u{feff}{\"instances\":[[0.9,\"Ideal\",3,true]]}",
    ];
    for body in bodies {
        assert_eq!(read(body).expect(body).rows.row(0), ROW, "{body}");
    }
    let csv = "lab,carat,grade,cut\nTRUE,0.9,3,Ideal\n";
    assert_eq!(read_csv(csv).expect(csv).rows.row(0), ROW);
    let bom_and_crlf = "\u{feff}lab,\"carat\",grade,cut\r\ntrue,0.9,3,\"Ideal\"\r\n";
    assert_eq!(read_csv(bom_and_crlf).expect("BOM and CRLF").rows.row(0), ROW);
}

#[test]
fn refuses_what_does_not_fit_with_row_feature_and_expectation() {
    let cases = [
        ("nonsense", "the body is not JSON: expected ident at line 1, column 2"),
        ("", "the body is not JSON: EOF while parsing a value at line 1, column 0"),
        (
            "[]",
            "an array stands where an object with `features` (one row) or `instances` (a list of rows) was expected",
        ),
        (
            "{}",
            "an empty object stands where an object with `features` (one row) or `instances` (a list of rows) was expected",
        ),
        (r#"{"instances":[]}"#, "the request holds no rows"),
        (
            r#"{"instance":[]}"#,
            "the field `instance` is not part of a request; did you mean `instances`?",
        ),
        (
            r#"{"instances":[[0.9,"Ideal",3,true]],"features":{}}"#,
            "the field `features` is one too many: a request has either `features` or `instances`, once",
        ),
        (
            r#"{"instances":[3]}"#,
            "a number stands where an object of features, or an array of values in signature order was expected",
        ),
        (
            r#"{"instances":[[0.9,"Ideal",3,true],[0.9,"Ideal",3]]}"#,
            "row 1 has 3 values; expected 4, one for each feature in signature order",
        ),
        (
            r#"{"instances":[[0.9,"Ideal",3,true,[[]],7]]}"#,
            "row 0 has 6 values; expected 4, one for each feature in signature order",
        ),
        (
            r#"{"features":{"Carat":0.9}}"#,
            "feature `Carat` in row 0 is not in the model's signature; did you mean `carat`?",
        ),
        (
            r#"{"features":{"carat":0.9,"grade":3,"lab":true}}"#,
            "feature `cut` is missing in row 0; expected a string, one of \"Fair\", \"Ideal\"",
        ),
        (r#"{"features":{"carat":0.9,"carat":1}}"#, "feature `carat` is given twice in row 0"),
        (
            r#"{"features":{"carat":"0.9"}}"#,
            "feature `carat` in row 0 is the string \"0.9\"; expected a number (seen 0.2 to 5)",
        ),
        (
            r#"{"features":{"carat":[1]}}"#,
            "feature `carat` in row 0 is an array; expected a number (seen 0.2 to 5)",
        ),
        (
            r#"{"features":{"carat":null}}"#,
            "feature `carat` in row 0 is null; expected a number (seen 0.2 to 5): training saw no missing values in it",
        ),
        (
            r#"{"features":{"carat":1e999}}"#,
            "feature `carat` in row 0 is a number too large for 64 bits, which is not a finite 64-bit number; expected a number (seen 0.2 to 5)",
        ),
        (
            r#"{"features":{"carat":NaN}}"#,
            "the body is not JSON: expected value at line 1, column 22",
        ),
        (
            r#"{"features":{"grade":3.5}}"#,
            "feature `grade` in row 0 is 3.5; expected an integer, or null",
        ),
        (
            r#"{"features":{"grade":9007199254740993}}"#,
            "feature `grade` in row 0 is 9007199254740993; expected an integer, or null",
        ),
        (r#"{"features":{"lab":1}}"#, "feature `lab` in row 0 is 1; expected true or false"),
        (
            r#"{"features":{"cut":2}}"#,
            "feature `cut` in row 0 is 2; expected a string, one of \"Fair\", \"Ideal\"",
        ),
    ];
    for (body, message) in cases {
        assert_eq!(read(body).expect_err(body).to_string(), message, "{body}");
    }
}

#[test]
fn refuses_csv_that_does_not_fit() {
    let cases = [
        ("", "feature `carat` is missing in the header; expected a number (seen 0.2 to 5)"),
        ("carat,cut,grade,lab\n", "the request holds no rows"),
        ("carat,cut,grade\n", "feature `lab` is missing in the header; expected true or false"),
        (
            "carat,cut,grade,lab,lob\n",
            "feature `lob` in the header is not in the model's signature; did you mean `lab`?",
        ),
        ("carat,carat\n", "feature `carat` is given twice in the header"),
        (
            "carat,cut,grade,lab\n0.9,Ideal,3\n",
            "the body is not CSV: line 2 has 3 cells where the header has 4",
        ),
        (
            "carat,cut,grade,lab\nNaN,Ideal,3,true\n",
            "feature `carat` in row 0 is `NaN`, which is not a finite 64-bit number; expected a number (seen 0.2 to 5)",
        ),
        (
            "carat,cut,grade,lab\n,Ideal,3,true\n",
            "feature `carat` in row 0 is null; expected a number (seen 0.2 to 5): training saw no missing values in it",
        ),
        (
            "carat,cut,grade,lab\n0.9,Ideal,3,maybe\n",
            "feature `lab` in row 0 is `maybe`; expected true or false",
        ),
    ];
    for (body, message) in cases {
        assert_eq!(read_csv(body).expect_err(body).to_string(), message, "{body:?}");
    }
    // Each of these would join rows or cells, were quotes read leniently.
    let header = "carat,cut,grade,lab\n";
    let strays = [
        (
            "0.9,\"Ideal,3,true\n0.3,\"Fair\",3,true\n",
            "the body is not CSV: text follows a closing quote; a quote inside a quoted cell is written twice in line 3",
        ),
        (
            "0.9,\"Ide\"al,3,true\n",
            "the body is not CSV: text follows a closing quote; a quote inside a quoted cell is written twice in line 2",
        ),
        ("0.9,Ideal,3,\"true", "the body is not CSV: a quote is left open in line 2"),
    ];
    for (rows, message) in strays {
        let body = header.to_owned() + rows;
        assert_eq!(read_csv(&body).expect_err(rows).to_string(), message, "{rows:?}");
        let ignoring =
            ReadOptions { unknown_features: UnknownFeatures::Ignore, ..ReadOptions::default() };
        let body = format!("note,{header}\"bad,{rows}");
        signature().read_csv(body.as_bytes(), ignoring).expect_err(rows);
    }
    let not_utf8 = b"carat,cut,grade,lab\n0.9,\xff,3,true\n";
    let error = signature().read_csv(not_utf8, ReadOptions::default()).expect_err("not UTF-8");
    assert_eq!(error.to_string(), "the body is not CSV: line 2 is not UTF-8");
}

#[test]
fn warns_of_what_training_never_saw() {
    let request = read(r#"{"instances":[[9.5,"Idael",null,false],[0.1,"Fair",1,true]]}"#)
        .expect("unusual, not wrong");
    assert!(request.rows.row(0)[1].is_nan(), "an unseen category is missing");
    assert_eq!(request.rows.row(0)[0], 9.5, "a number out of range is used as it is");
    let signature = signature();
    let response = crate::Response {
        form: request.form,
        predictions: &[1.0, 2.0],
        model: "m",
        version: 3,
        request_id: "r",
        warnings: &request.warnings,
        signature: &signature,
    };
    let json: serde_json::Value = serde_json::from_slice(&response.to_json()).expect("JSON");
    insta::assert_json_snapshot!(json, @r#"
    {
      "model": "m",
      "n_warnings": 3,
      "predictions": [
        1.0,
        2.0
      ],
      "request_id": "r",
      "version": 3,
      "warnings": [
        {
          "code": "out_of_range",
          "feature": "carat",
          "message": "9.5 is outside the range seen in training, 0.2 to 5",
          "row": 0
        },
        {
          "code": "unseen_category",
          "feature": "cut",
          "message": "`Idael` was not seen in training and is treated as missing; did you mean `Ideal`?",
          "row": 0
        },
        {
          "code": "out_of_range",
          "feature": "carat",
          "message": "0.1 is outside the range seen in training, 0.2 to 5",
          "row": 1
        }
      ]
    }
    "#);
}

#[test]
fn counts_every_warning_and_lists_the_first_hundred() {
    let body = format!("carat,cut,grade,lab\n{}", "9,Poor,1,true\n".repeat(150));
    let request = read_csv(&body).expect("unusual, not wrong");
    assert_eq!(request.warnings.listed().len(), Warnings::LISTED);
    let counts: Vec<_> = request.warnings.counts().collect();
    assert_eq!(counts, [(0, 150), (1, 150)]);
}

#[test]
fn ignores_unknown_features_only_when_told_to() {
    let options =
        ReadOptions { unknown_features: UnknownFeatures::Ignore, ..ReadOptions::default() };
    let body = r#"{"features":{"carat":0.9,"id":{"a":[1,2]},"cut":"Ideal","grade":3,"lab":true}}"#;
    assert_eq!(signature().read_json(body.as_bytes(), options).expect(body).rows.row(0), ROW);
    let csv = "id,carat,cut,grade,lab\nx,0.9,Ideal,3,true\n";
    assert_eq!(signature().read_csv(csv.as_bytes(), options).expect(csv).rows.row(0), ROW);
    let csv = "id,carrat,cut,grade,lab\nx,0.9,Ideal,3,true\n";
    let error = signature().read_csv(csv.as_bytes(), options).expect_err("a misspelt column");
    let message = "feature `carat` is missing in the header; expected a number (seen 0.2 to 5); is it the column `carrat`?";
    assert_eq!((error.to_string().as_str(), error.suggestion()), (message, Some("carrat")));
}

#[test]
fn survives_deep_nesting() {
    for open in ["[", "{\"a\":", "{\"instances\":[[", "{\"features\":{\"x\":["] {
        let body = open.to_owned() + &"[".repeat(200_000);
        for unknown_features in [UnknownFeatures::Reject, UnknownFeatures::Ignore] {
            let options = ReadOptions { unknown_features, ..ReadOptions::default() };
            signature().read_json(body.as_bytes(), options).expect_err("deep nesting");
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_are_a_request_or_an_error(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = signature().read_json(&body, ReadOptions::default());
        let _ = signature().read_csv(&body, ReadOptions::default());
    }

    #[test]
    fn numbers_arrive_to_the_last_bit(carat in proptest::num::f64::NORMAL | proptest::num::f64::SUBNORMAL) {
        let body = format!(r#"{{"features":{{"carat":{carat:?},"cut":"Fair","grade":0,"lab":false}}}}"#);
        let request = read(&body).expect("a finite number");
        prop_assert_eq!(request.rows.row(0)[0].to_bits(), carat.to_bits());
        let csv = format!("carat,cut,grade,lab\n{carat:?},Fair,0,false\n");
        prop_assert_eq!(read_csv(&csv).expect("a finite number").rows.row(0)[0].to_bits(), carat.to_bits());
    }

    #[test]
    fn every_error_has_a_listed_code(body in "\\{\"(instances|features|x)\":[\\[\\]{}\",:0-9a-z]{0,20}") {
        if let Err(error) = read(&body) {
            prop_assert!(RequestError::CODES.contains(&error.code()));
        }
    }
}
