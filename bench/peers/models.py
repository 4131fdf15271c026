"""Fits the peers' models; runs in the environment `kernel`.

`models.py CODED OUT`: one forest of scikit-learn (100 trees, depth 10, nine columns) as joblib and ONNX for the
Python servers; one model of LightGBM (200 trees of 31 leaves, six columns) for the kernels, as its own text, as ONNX
and as our weights.safetensors; and 10,000 rows with LightGBM's predictions for them.
"""

import json
import pathlib
import sys

import joblib
import lightgbm
import numpy
import onnxmltools
import pandas
from onnxmltools.convert.common.data_types import FloatTensorType as LightgbmFloats
from safetensors.numpy import save_file
from skl2onnx import to_onnx
from sklearn.ensemble import RandomForestRegressor

SEED = 42
NUMBERS = ["carat", "depth", "table", "x", "y", "z"]
N_ROWS = 10_000
LIGHTGBM = {
    "objective": "regression",
    "num_leaves": 31,
    "learning_rate": 0.1,
    "num_threads": 2,
    "seed": SEED,
    "deterministic": True,
    "use_missing": False,
    "zero_as_missing": False,
    "verbose": -1,
}


def main():
    table, out = pandas.read_csv(sys.argv[1]), pathlib.Path(sys.argv[2])
    forest(table, out)
    boosted(table, out)


def forest(table, out):
    x, y = table.drop(columns=["price"]).to_numpy(numpy.float32), table["price"].to_numpy()
    model = RandomForestRegressor(n_estimators=100, max_depth=10, n_jobs=-1, random_state=SEED).fit(x, y)
    # One request at a time in each worker: threads inside it would only cost.
    model.n_jobs = 1
    joblib.dump(model, out / "forest.joblib")
    (out / "forest.onnx").write_bytes(to_onnx(model, x[:1]).SerializeToString())


def boosted(table, out):
    x, y = table[NUMBERS].to_numpy(numpy.float64), table["price"].to_numpy(numpy.float64)
    booster = lightgbm.train(LIGHTGBM, lightgbm.Dataset(x, y), num_boost_round=200)
    booster.save_model(out / "lightgbm.txt")
    onnx = onnxmltools.convert_lightgbm(booster, initial_types=[("rows", LightgbmFloats([None, len(NUMBERS)]))])
    (out / "lightgbm.onnx").write_bytes(onnx.SerializeToString())
    rows = x[numpy.random.default_rng(SEED).permutation(len(x))[:N_ROWS]]
    rows.astype("<f8").tofile(out / "rows.f64")
    booster.predict(rows, num_threads=1).astype("<f8").tofile(out / "expected.f64")
    save_file(weights(booster.dump_model()), out / "weights.safetensors")
    (out / "signature.json").write_text(json.dumps({"signature": signature(x, y)}))


def signature(x, y):
    features = [
        {"name": name, "dtype": "number", "range": {"minimum": float(column.min()), "maximum": float(column.max())}}
        for name, column in zip(NUMBERS, x.T)
    ]
    output = {"name": "price", "dtype": "number", "range": {"minimum": float(y.min()), "maximum": float(y.max())}}
    return {"features": features, "outputs": [output]}


def weights(dump):
    """LightGBM's trees in our format (shared/model/README.md): base 0 and the sum of the trees."""
    starts, features, values, left = [0], [], [], []
    for tree in dump["tree_info"]:
        nodes = flat(tree["tree_structure"])
        features += [node[0] for node in nodes]
        values += [node[1] for node in nodes]
        left += [node[2] for node in nodes]
        starts.append(len(values))
    n_features = len(NUMBERS)
    return {
        "encoder.impute": numpy.zeros(n_features),
        "encoder.n_indicators": numpy.zeros(n_features, numpy.uint32),
        "forest.base": numpy.zeros(1),
        "forest.tree_starts": numpy.array(starts, numpy.uint32),
        "forest.features": numpy.array(features, numpy.uint32),
        "forest.values": numpy.array(values, numpy.float64),
        "forest.left": numpy.array(left, numpy.uint32),
    }


def flat(root):
    """Column, threshold or prediction, and left child of each node, breadth-first: children behind their parent."""
    queue, nodes = [root], []
    for node in queue:
        if "leaf_value" in node:
            nodes.append((0, node["leaf_value"], 0))
            continue
        # Anything else would not be "left where the value is not above the threshold".
        if node["decision_type"] != "<=" or node["missing_type"] != "None":
            sys.exit(f"a split that the kernel has no form for: {node['decision_type']}, {node['missing_type']}")
        nodes.append((node["split_feature"], node["threshold"], len(queue)))
        queue += [node["left_child"], node["right_child"]]
    return nodes


if __name__ == "__main__":
    main()
