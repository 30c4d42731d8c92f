import sys

import litserve

from flights import open_session, predict


class Flights(litserve.LitAPI):
    def setup(self, device):
        self.session = open_session()

    def decode_request(self, request):
        return request["instances"]

    def predict(self, rows):
        return predict(self.session, rows)

    def encode_response(self, output):
        return {"predictions": output}


if __name__ == "__main__":
    litserve.LitServer(Flights(), accelerator="cpu").run(
        host="127.0.0.1", port=int(sys.argv[1]), generate_client_file=False, log_level="error"
    )
