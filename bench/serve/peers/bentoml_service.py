import bentoml

from flights import open_session, predict


@bentoml.service(workers=1)
class Flights:
    def __init__(self):
        self.session = open_session()

    @bentoml.api
    def predict(self, instances: list) -> dict:
        return {"predictions": predict(self.session, instances)}
