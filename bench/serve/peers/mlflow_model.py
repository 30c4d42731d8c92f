"""Save the model for `mlflow models serve`. Usage: mlflow_model.py <directory>"""

import os
import sys

import mlflow


class Flights(mlflow.pyfunc.PythonModel):
    def load_context(self, context):
        from flights import open_session

        self.session = open_session()

    def predict(self, context, model_input, params=None):
        from flights import predict

        return predict(self.session, model_input.to_dict("records"))


mlflow.pyfunc.save_model(
    sys.argv[1],
    python_model=Flights(),
    code_paths=[os.path.join(os.path.dirname(__file__), "flights.py")],
    pip_requirements=["mlflow", "onnxruntime"],
)
