"""BentoML in front of scikit-learn: `bentoml serve bentoml_sklearn:Forest`, with the models' folder in BENCH_OUT."""

import os
import pathlib

import bentoml
import joblib
import numpy


@bentoml.service(workers=2, logging={"access": {"enabled": False}}, metrics={"enabled": True})
class Forest:
    def __init__(self):
        self.model = joblib.load(pathlib.Path(os.environ["BENCH_OUT"]) / "forest.joblib")

    @bentoml.api
    def predict(self, instances: numpy.ndarray) -> numpy.ndarray:
        return self.model.predict(instances.astype(numpy.float32))
