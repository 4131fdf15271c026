"""FastAPI in front of ONNX Runtime: `uvicorn fastapi_onnx:app`, with the folder of the models in BENCH_OUT.

One thread inside each worker, as ONNX Runtime advises where requests run beside each other.
"""

import os
import pathlib

import numpy
import onnxruntime
import orjson
from fastapi import FastAPI, Request, Response

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
path = pathlib.Path(os.environ["BENCH_OUT"]) / "forest.onnx"
session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
name = session.get_inputs()[0].name
app = FastAPI()


@app.get("/health")
async def health():
    return {"status": "healthy"}


@app.post("/predict")
async def predict(request: Request):
    rows = numpy.array(orjson.loads(await request.body())["instances"], numpy.float32)
    predictions = session.run(None, {name: rows})[0].ravel()
    body = orjson.dumps({"predictions": predictions}, option=orjson.OPT_SERIALIZE_NUMPY)
    return Response(body, media_type="application/json")
