"""Times the peers' kernels on the same model and rows, one thread; runs in the environment `kernel`.

`kernel_peers.py OUT NAME`: nanoseconds a row over all rows at once and microseconds for one row, medians, as JSON.
It repeats as `bench/src/bin/kernel.rs` does for ours, and refuses to time what predicts something else.
"""

import json
import pathlib
import statistics
import sys
import time

import numpy

REPETITIONS = 15
SINGLE_CALLS = 500
# ONNX Runtime computes in 32 bits, the others as LightGBM does.
TOLERANCE = {"lightgbm": 1e-12, "lleaves": 1e-9, "tl2cgen": 1e-9, "onnxruntime": 1e-3}


def main():
    out, name = pathlib.Path(sys.argv[1]), sys.argv[2]
    rows = numpy.fromfile(out / "rows.f64", "<f8").reshape(10_000, -1)
    expected = numpy.fromfile(out / "expected.f64", "<f8")
    predict, prepared = PEERS[name](out, rows)
    found = numpy.asarray(predict(prepared(rows)), numpy.float64).ravel()
    apart = numpy.abs(found - expected) / numpy.maximum(numpy.abs(expected), 1.0)
    # A float below or above a threshold takes a row to another leaf: that many may, where 32 bits are compared.
    share = float(numpy.mean(apart > TOLERANCE[name]))
    if share > (0.01 if TOLERANCE[name] > 1e-9 else 0.0):
        sys.exit(f"{name} predicts something else than LightGBM in {share:.1%} of the rows, by up to {apart.max():.1e}")
    batch, singles = prepared(rows), [prepared(rows[i : i + 1]) for i in range(SINGLE_CALLS)]
    batch_ns = median(lambda: predict(batch))
    single_ns = median(lambda: [predict(row) for row in singles])
    times = {"ns_per_row": batch_ns / len(rows), "us_one_row": single_ns / SINGLE_CALLS / 1e3}
    print(json.dumps({**times, "apart": float(apart.max())}))


def median(work):
    work()
    times = []
    for _ in range(REPETITIONS):
        started = time.perf_counter_ns()
        work()
        times.append(time.perf_counter_ns() - started)
    return statistics.median(times)


def lightgbm(out, _):
    import lightgbm

    booster = lightgbm.Booster(model_file=out / "lightgbm.txt")
    return lambda rows: booster.predict(rows, num_threads=1), lambda rows: rows


def lleaves(out, _):
    import lleaves

    model = lleaves.Model(model_file=str(out / "lightgbm.txt"))
    model.compile(cache=str(out / "lleaves.o"))
    return lambda rows: model.predict(rows, n_jobs=1), lambda rows: rows


def tl2cgen(out, _):
    import tl2cgen
    import treelite

    library = out / "tl2cgen.so"
    model = treelite.frontend.load_lightgbm_model(out / "lightgbm.txt")
    if not library.exists():
        tl2cgen.export_lib(model, toolchain="gcc", libpath=library, params={"parallel_comp": 2})
    predictor = tl2cgen.Predictor(library, nthread=1)
    # Its matrix is made outside of the time, as its own benchmarks do.
    return predictor.predict, lambda rows: tl2cgen.DMatrix(rows)


def onnxruntime(out, _):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(out / "lightgbm.onnx", options, providers=["CPUExecutionProvider"])
    return lambda rows: session.run(None, {"rows": rows})[0], lambda rows: rows.astype(numpy.float32)


PEERS = {peer.__name__: peer for peer in (lightgbm, lleaves, tl2cgen, onnxruntime)}

if __name__ == "__main__":
    main()
