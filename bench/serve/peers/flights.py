"""The model as each of the Python servers runs it: onnxruntime, one thread a call."""

import os

import numpy as np
import onnxruntime as ort


def open_session():
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    return ort.InferenceSession(os.environ["ANNEAL_BENCH_MODEL"], options, providers=["CPUExecutionProvider"])


def predict(session, rows):
    """Rows as objects by column -> predictions as objects."""
    column = lambda name, dtype: np.array([[row[name]] for row in rows], dtype=dtype)
    probabilities, index = session.run(
        ["probabilities", "class_index"],
        {
            "origin": column("origin", object),
            "destination": column("destination", object),
            "distance": column("distance", np.float64),
            "date": column("date", np.int64),
        },
    )
    return [
        {"label": ("on-time", "late")[int(k)], "probability": float(p[1])} for p, k in zip(probabilities, index[:, 0])
    ]
