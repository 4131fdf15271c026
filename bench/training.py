"""Fits the same forest and the same linear model with Canopy and with scikit-learn, side by side.

Makes its own virtual environment in bench/.venv, splits diamonds 80/20 into two files, lets both fit on
the one and scores both on the other, in alternation, and prints a table. Run it with `make bench-training`.
"""

import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
VENV = ROOT / "bench" / ".venv"
OUT = ROOT / "bench" / "out"
PINNED = ["numpy==2.4.6", "pandas==3.1.1", "safetensors==0.8.0", "scikit-learn==1.9.1"]
RUNS = 5
SEED = 42
CATEGORIES = ["cut", "color", "clarity"]


def main():
    if pathlib.Path(sys.prefix) != VENV:
        enter_venv()
    trainer = build()
    train, test = split()
    print(f"\ndiamonds: {len(train):,} rows to fit, {len(test):,} to score; {os.cpu_count()} cores; medians of {RUNS} runs\n")
    forest(trainer, train, test)
    linear(trainer, train, test)


def enter_venv():
    """Runs this file again with the pinned packages."""
    python = VENV / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", VENV], check=True)
    subprocess.run([python, "-m", "pip", "install", "--quiet", *PINNED], check=True)
    os.execv(python, [python, __file__])


def build():
    subprocess.run(["cargo", "build", "--release", "--locked", "-p", "canopy-trainer"], cwd=ROOT, check=True)
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    return target / "release" / "canopy-trainer"


def split():
    """Writes train.csv and test.csv and gives both as frames."""
    import numpy
    import pandas

    frame = pandas.read_csv(ROOT / "examples" / "data" / "diamonds.csv")
    order = numpy.random.default_rng(SEED).permutation(len(frame))
    cut = len(frame) * 4 // 5
    OUT.mkdir(exist_ok=True)
    parts = []
    for name, rows in [("train", order[:cut]), ("test", order[cut:])]:
        part = frame.iloc[rows]
        part.to_csv(OUT / f"{name}.csv", index=False)
        parts.append(part)
    return parts


def fit_canopy(trainer, model, *flags):
    """One run of the trainer: its JSON result and the wall time of the whole process."""
    command = [trainer, "fit", "--data", OUT / "train.csv", "--test-data", OUT / "test.csv", "--target", "price"]
    command += ["--log", "error", "--model", model, "--registry", OUT / "models", "--output", "json", *flags]
    started = time.perf_counter()
    run = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(run.stdout), time.perf_counter() - started


def forest(trainer, train, test):
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.metrics import root_mean_squared_error
    from sklearn.preprocessing import OrdinalEncoder

    encoder = OrdinalEncoder().fit(train[CATEGORIES])

    def design(frame):
        numbers = frame.drop(columns=["price"])
        return numbers.assign(**dict(zip(CATEGORIES, encoder.transform(frame[CATEGORIES]).T))).to_numpy()

    x_train, x_test, y_train, y_test = design(train), design(test), train["price"], test["price"]
    ours, theirs, whole, rmse, sk_rmse = [], [], [], [], []
    for seed in range(SEED, SEED + RUNS):
        result, wall = fit_canopy(trainer, "forest", "--n-estimators", "100", "--max-depth", "10", "--seed", str(seed))
        ours.append(result["provenance"]["fit_seconds"])
        whole.append(wall)
        rmse.append(result["scores"]["model"]["rmse"])
        model = RandomForestRegressor(n_estimators=100, max_depth=10, n_jobs=-1, random_state=seed)
        started = time.perf_counter()
        model.fit(x_train, y_train)
        theirs.append(time.perf_counter() - started)
        sk_rmse.append(root_mean_squared_error(y_test, model.predict(x_test)))
    table("random forest, 100 trees, depth 10", [
        ("fit, s", theirs, ours),
        ("test RMSE, dollars", sk_rmse, rmse),
    ])
    print(f"whole run of canopy-trainer (read, fit, score, publish): {statistics.median(whole):.2f} s\n")


def linear(trainer, train, test):
    """Compares coefficients on the same one-hot design, first category dropped."""
    import numpy
    import pandas
    from safetensors.numpy import load_file
    from sklearn.linear_model import LinearRegression

    result, _ = fit_canopy(trainer, "linear", "--estimator", "linear")
    weights = load_file(OUT / "models" / "linear" / "versions" / str(result["version"]) / "weights.safetensors")

    def design(frame):
        columns = []
        for name in frame.columns.drop("price"):
            if name in CATEGORIES:
                levels = sorted(train[name].unique())
                columns += [(frame[name] == level).astype(float) for level in levels[1:]]
            else:
                columns.append(frame[name].astype(float))
        return pandas.concat(columns, axis=1).to_numpy()

    model = LinearRegression().fit(design(train), train["price"])
    names = ["linear.coefficients", "linear.offsets", "linear.intercept"]
    slopes, offsets, [at_offsets] = (weights[name] for name in names)
    ours = (design(test) - offsets) @ slopes + at_offsets
    theirs = model.predict(design(test))
    pairs = zip([*slopes, at_offsets - offsets @ slopes], [*model.coef_, model.intercept_])
    coefficients = max(abs(a - b) / abs(b) for a, b in pairs)
    predictions = numpy.max(numpy.abs(ours - theirs) / numpy.abs(theirs))
    print(f"linear: largest relative difference to scikit-learn: {coefficients:.1e} (coefficients), {predictions:.1e} (test predictions)")


def table(title, rows):
    print(f"| {title} | scikit-learn {version()} | Canopy | ratio |\n| --- | --- | --- | --- |")
    for name, theirs, ours in rows:
        a, b = statistics.median(theirs), statistics.median(ours)
        print(f"| {name} | {a:.3f} | {b:.3f} | {b / a:.3f} |")
    print()


def version():
    import sklearn

    return f"{sklearn.__version__} (Python {platform.python_version()})"


if __name__ == "__main__":
    main()
