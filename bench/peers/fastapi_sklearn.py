"""FastAPI in front of scikit-learn: `uvicorn fastapi_sklearn:app`, with the folder of the models in BENCH_OUT.

The body is read and written by orjson and passes by pydantic, which is the fast way where rows are many.
"""

import os
import pathlib

import joblib
import numpy
import orjson
from fastapi import FastAPI, Request, Response

model = joblib.load(pathlib.Path(os.environ["BENCH_OUT"]) / "forest.joblib")
app = FastAPI()


@app.get("/health")
async def health():
    return {"status": "healthy"}


@app.post("/predict")
async def predict(request: Request):
    rows = numpy.array(orjson.loads(await request.body())["instances"], numpy.float32)
    predictions = model.predict(rows)
    body = orjson.dumps({"predictions": predictions}, option=orjson.OPT_SERIALIZE_NUMPY)
    return Response(body, media_type="application/json")
