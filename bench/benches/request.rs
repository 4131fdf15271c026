//! Reading a request by its form and size, and writing the response.

mod data;

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use schema::{Form, ReadOptions, Response, Warnings};

const SIZES: [usize; 3] = [1, 64, 1024];

fn read(criterion: &mut Criterion) {
    let signature = data::signature(true);
    let options = ReadOptions::default();
    for n_rows in SIZES {
        let bodies = [
            ("objects", data::objects(&signature, n_rows, data::IN_ORDER)),
            ("objects_shuffled", data::objects(&signature, n_rows, data::SHUFFLED)),
            ("arrays", data::arrays(n_rows)),
            ("csv", data::csv(&signature, n_rows)),
        ];
        for (form, body) in bodies {
            let mut group = criterion.benchmark_group(format!("read/{form}"));
            group.throughput(Throughput::Bytes(body.len() as u64));
            let read = |body: &str| match form {
                "csv" => signature.read_csv(body.as_bytes(), options),
                _ => signature.read_json(body.as_bytes(), options),
            };
            let n_read = read(&body).expect("a body that fits").rows.n_rows();
            assert_eq!(n_read, n_rows, "every row is read");
            group.bench_function(format!("{n_rows}rows"), |bencher| {
                bencher.iter(|| read(black_box(&body)));
            });
            group.finish();
        }
    }
}

fn write(criterion: &mut Criterion) {
    let signature = data::signature(true);
    let rows = data::rows(1024);
    let predictions = data::pipeline(&signature, 100, 31).predict(&rows);
    let warnings = Warnings::default();
    for n_rows in SIZES {
        let response = Response {
            form: Form::Many,
            predictions: &predictions[..n_rows],
            model: "diamonds",
            version: 1,
            request_id: "9f0c8b3e-6d7a-4c51-8a35-2f6b1e9d4c70",
            warnings: &warnings,
            signature: &signature,
        };
        criterion.bench_function(&format!("write/{n_rows}rows"), |bencher| {
            bencher.iter(|| black_box(&response).to_json());
        });
    }
}

criterion_group!(benches, read, write);
criterion_main!(benches);
