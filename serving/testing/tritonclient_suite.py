"""What a user of Triton's own Python client does with an inference host. Usage: tritonclient_suite.py <http address> <grpc address>

The model is "tiny" of serving/testing/tiny-bundle.ts: late = sigmoid(bias + weight of the origin + distance / 1000), version 1 with
bias 0, version 2 (active) with bias 1.
"""

import gzip
import json
import math
import sys
import urllib.error
import urllib.request

import grpc
import numpy as np
import tritonclient.grpc as triton_grpc
import tritonclient.http as triton_http
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2  # noqa: F401  (registers the messages that the next import needs)
from tritonclient.utils import InferenceServerException

http_address, grpc_address = sys.argv[1:3]


def expected(bias, origin, distance):
    return 1 / (1 + math.exp(-(bias + {"SFO": 0.5, "JFK": -0.25}.get(origin, 0) + distance / 1000)))


def close(found, wanted):
    assert np.allclose(found, wanted, atol=1e-5), f"{found} is not {wanted}"


def refused(work, status):
    try:
        work()
    except InferenceServerException as error:
        assert status in str(error.status()), f"{error.status()} instead of {status}: {error}"
        return str(error)
    raise AssertionError(f"{status} was expected")


def inputs_of(module, origins, dates, distances, datatypes=("INT64", "FP64"), **options):
    origin = module.InferInput("origin", [len(origins), 1], "BYTES")
    origin.set_data_from_numpy(np.array([[o.encode()] for o in origins], dtype=np.object_), **options)
    date = module.InferInput("date", [len(dates), 1], datatypes[0])
    numpy_types = {"INT64": np.int64, "INT32": np.int32, "FP64": np.float64, "FP32": np.float32}
    date.set_data_from_numpy(np.array(dates, dtype=numpy_types[datatypes[0]]).reshape(-1, 1), **options)
    distance = module.InferInput("distance", [len(distances), 1], datatypes[1])
    distance.set_data_from_numpy(np.array(distances, dtype=numpy_types[datatypes[1]]).reshape(-1, 1), **options)
    return [origin, date, distance]


def check_client(client, module, is_http):
    assert client.is_server_live() and client.is_server_ready()
    assert client.is_model_ready("tiny") and client.is_model_ready("tiny", "1")
    as_json = {} if is_http else {"as_json": True}
    assert client.get_server_metadata(**as_json)["name"] == "anneal"
    metadata = client.get_model_metadata("tiny", **as_json)
    assert sorted(metadata["versions"]) == ["1", "2"], metadata
    assert [tensor["datatype"] for tensor in metadata["inputs"]] == ["BYTES", "INT64", "FP64"]
    index = client.get_model_repository_index(**as_json)
    models = index if is_http else index["models"]
    assert {(each["name"], each["version"], each["state"]) for each in models} == {("tiny", "1", "READY"), ("tiny", "2", "READY")}

    origins, distances = ["SFO", "JFK", ""], [100, -700, 2500]
    wanted = [expected(1, o, d) for o, d in zip(origins, distances)]
    for datatypes in (("INT64", "FP64"), ("INT32", "FP32"), ("INT64", "INT32")):
        answer = client.infer("tiny", inputs_of(module, origins, [0, 1, 2], distances, datatypes), request_id="r1")
        close(answer.as_numpy("probabilities")[:, 1], wanted)
        assert answer.as_numpy("probabilities").dtype == np.float32 and answer.as_numpy("class_index").dtype == np.int64
        response = answer.get_response(**({} if is_http else {"as_json": True}))
        assert response["model_version"] == "2" and response["id"] == "r1", response

    answer = client.infer("tiny", inputs_of(module, origins, [0, 1, 2], distances), model_version="1")
    close(answer.as_numpy("probabilities")[:, 1], [expected(0, o, d) for o, d in zip(origins, distances)])

    requested = [module.InferRequestedOutput("class_index")]
    answer = client.infer("tiny", inputs_of(module, origins, [0, 1, 2], distances), outputs=requested)
    assert answer.as_numpy("probabilities") is None
    assert answer.as_numpy("class_index").reshape(-1).tolist() == [int(p >= 0.5) for p in wanted]

    answer = client.infer("tiny", inputs_of(module, origins, [0, 1, 2], distances), timeout=5_000_000, priority=1)
    close(answer.as_numpy("probabilities")[:, 1], wanted)

    many = 5000
    answer = client.infer("tiny", inputs_of(module, ["SFO"] * many, range(many), range(many)))
    close(answer.as_numpy("probabilities")[:, 1], [expected(1, "SFO", d) for d in range(many)])

    client.load_model("tiny")
    not_found, conflict, invalid = ("404", "409", "400") if is_http else ("NOT_FOUND", "FAILED_PRECONDITION", "INVALID_ARGUMENT")
    refused(lambda: client.load_model("nothing"), not_found)
    assert "promot" in refused(lambda: client.unload_model("tiny"), conflict)
    refused(lambda: client.infer("nothing", inputs_of(module, ["SFO"], [0], [1])), not_found)
    refused(lambda: client.infer("tiny", inputs_of(module, ["SFO"], [0], [1]), model_version="9"), not_found)
    refused(lambda: client.infer("tiny", inputs_of(module, ["SFO", "JFK"], [0], [1])), invalid)
    message = refused(lambda: client.infer("tiny", inputs_of(module, ["SECRET"], [0], [float("nan")])), invalid)
    assert "distance" in message and "SECRET" not in message, message


with triton_http.InferenceServerClient(http_address) as client:
    check_client(client, triton_http, True)
    tensors = inputs_of(triton_http, ["SFO"], [0], [100], binary_data=False)
    for encoding in ("gzip", "deflate", None):
        output = triton_http.InferRequestedOutput("probabilities", binary_data=False)
        answer = client.infer("tiny", tensors, outputs=[output], request_compression_algorithm=encoding)
        close(answer.as_numpy("probabilities")[:, 1], [expected(1, "SFO", 100)])

with triton_grpc.InferenceServerClient(grpc_address) as client:
    check_client(client, triton_grpc, False)

with grpc.insecure_channel(grpc_address) as channel:
    health = health_pb2_grpc.HealthStub(channel)
    for service in ("", "inference.GRPCInferenceService"):
        assert health.Check(health_pb2.HealthCheckRequest(service=service)).status == health_pb2.HealthCheckResponse.SERVING

    # The messages of v1 and v1alpha are the same; Python's package carries the latter.
    def ask(version="v1", **request):
        call = channel.stream_stream(
            f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
            request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
            response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
        )
        return next(call(iter([reflection_pb2.ServerReflectionRequest(**request)])))

    names = {service.name for service in ask(list_services="").list_services_response.service}
    assert names == {"inference.GRPCInferenceService", "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection"}, names
    assert ask("v1alpha", list_services="").list_services_response.service[0].name in names
    from google.protobuf import descriptor_pb2

    for symbol in ("inference.GRPCInferenceService", "inference.ModelInferRequest", "grpc.health.v1.Health"):
        (described,) = ask(file_containing_symbol=symbol).file_descriptor_response.file_descriptor_proto
        file = descriptor_pb2.FileDescriptorProto.FromString(described)
        assert symbol.startswith(file.package), (symbol, file.package)
    inference = descriptor_pb2.FileDescriptorProto.FromString(
        ask(file_by_filename="inference.proto").file_descriptor_response.file_descriptor_proto[0]
    )
    # What tools do with it: make messages of it, here beside the client's own.
    from google.protobuf import descriptor_pool, message_factory

    pool = descriptor_pool.DescriptorPool()
    pool.Add(inference)
    message = message_factory.GetMessageClass(pool.FindMessageTypeByName("inference.ModelInferRequest"))(model_name="tiny")
    assert message.SerializeToString() == b"\n\x04tiny"
    assert ask(file_containing_symbol="nothing").error_response.error_code == grpc.StatusCode.NOT_FOUND.value[0]

body = gzip.compress(json.dumps({"instances": [{"origin": None, "date": 0, "distance": 1}]}).encode())
for label, bias in (("champion", 1), ("previous", 0)):
    url = f"http://{http_address}/v1/models/tiny/labels/{label}:predict"
    request = urllib.request.Request(url, body, {"content-type": "application/json", "content-encoding": "gzip"})
    answer = json.load(urllib.request.urlopen(request))
    close(answer["predictions"][0]["probability"], expected(bias, None, 1))
try:
    urllib.request.urlopen(urllib.request.Request(f"http://{http_address}/v1/models/tiny/labels/other:predict", body))
    raise AssertionError("404 was expected")
except urllib.error.HTTPError as error:
    assert error.code == 404

print("passed")
