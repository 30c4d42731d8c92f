"""Trains a network of the bench in JAX (jit + scan), PyTorch or scikit-learn: a round of steps for each line of stdin, answered
with a line of JSON on stdout.

Usage: python peers.py <jax|torch|sklearn> <folder> <threads> <steps per round>

The folder holds what `peers.ts` writes: the rows, the initial parameters, and their shapes.
"""

import json
import os
import sys
import time

peer, folder, threads, steps = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:5])
for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[name] = str(threads)
# Forced kernels or cache sizes of OpenBLAS may be the wrong ones for this machine.
for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
    os.environ.pop(name, None)
if hasattr(os, "sched_setaffinity"):
    # XLA has no option for its number of threads: it takes the cores that it may use.
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])

import numpy as np

with open(os.path.join(folder, "workload.json")) as file:
    spec = json.load(file)
workload, rows, batch, rate = spec["name"], spec["rows"], spec["batchSize"], 0.001


def array(name, dtype, width):
    path = os.path.join(folder, name)
    return np.fromfile(path, dtype).reshape(rows, width) if os.path.exists(path) else None


categorical = array("categorical", np.int32, len(spec["categories"]))
numeric = array("numeric", np.float32, spec["numbers"])
image = array("image", np.uint8, 784)
if image is not None:
    image = (image.astype(np.float32) / 255).reshape(rows, 28, 28, 1)
target = np.fromfile(os.path.join(folder, "target"), np.float32)
flat = np.fromfile(os.path.join(folder, "parameters"), np.float32)
initial = [part.reshape(shape) for part, shape in zip(np.split(flat, np.cumsum([int(np.prod(s)) for s in spec["shapes"]])[:-1]), spec["shapes"])]
random = np.random.default_rng(1)


def jax_peer():
    import jax
    import jax.numpy as jnp

    def dense(p, x):
        x = jax.nn.relu(x @ p[0] + p[1])
        x = jax.nn.relu(x @ p[2] + p[3])
        return x @ p[4] + p[5]

    def logits(p, rows):
        if workload == "mlp":
            return dense(p, rows["numeric"])
        if workload == "wide-and-deep":
            looked = [table[rows["categorical"][:, i]] for i, table in enumerate(p[:5])]
            deep = dense(p[5:], jnp.concatenate([*(v[:, :-1] for v in looked), rows["numeric"]], 1))
            return deep + sum(v[:, -1:] for v in looked) + rows["numeric"] @ p[11]
        x = rows["image"]
        for kernel, bias in ((p[0], p[1]), (p[2], p[3])):
            x = jax.lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))
            x = jax.lax.reduce_window(jax.nn.relu(x + bias), -jnp.inf, jax.lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
        return x.reshape(x.shape[0], -1) @ p[4] + p[5]

    def loss(p, rows):
        z, y = logits(p, rows), rows["target"]
        if workload != "cnn":
            return jnp.mean(jnp.logaddexp(0, z[:, 0]) - z[:, 0] * y)
        return jnp.mean(jax.nn.logsumexp(z, 1) - jnp.take_along_axis(z, y.astype(jnp.int32)[:, None], 1)[:, 0])

    named = {"categorical": categorical, "numeric": numeric, "image": image, "target": target}
    data = {name: jnp.asarray(value) for name, value in named.items() if value is not None}

    def step(state, order):
        p, m, v, t = state
        value, g = jax.value_and_grad(loss)(p, {name: value[order] for name, value in data.items()})
        t = t + 1
        m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, g)
        v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, g)
        size = rate * jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        epsilon = 1e-7 * jnp.sqrt(1 - 0.999**t)
        p = jax.tree.map(lambda p, m, v: p - size * m / (jnp.sqrt(v) + epsilon), p, m, v)
        return (p, m, v, t), value

    chunk = jax.jit(lambda state, orders: jax.lax.scan(step, state, orders))
    p = [jnp.asarray(a) for a in initial]
    state = (p, [jnp.zeros_like(a) for a in p], [jnp.zeros_like(a) for a in p], jnp.float32(0))

    def run(orders):
        nonlocal state
        state, losses = chunk(state, jnp.asarray(orders))
        return float(losses[-1])

    return run


def torch_peer():
    import torch
    import torch.nn.functional as F

    torch.set_num_threads(threads)
    turned = [a.transpose(3, 2, 0, 1) if a.ndim == 4 else a for a in initial]
    p = [torch.from_numpy(a.copy()).requires_grad_() for a in turned]
    optimizer = torch.optim.Adam(p, lr=rate, eps=1e-7)
    C = None if categorical is None else torch.from_numpy(categorical.astype(np.int64))
    X = None if numeric is None else torch.from_numpy(numeric)
    I = None if image is None else torch.from_numpy(image.transpose(0, 3, 1, 2).copy())
    Y = torch.from_numpy(target.astype(np.int64) if workload == "cnn" else target)

    def dense(p, x):
        return torch.relu(torch.relu(x @ p[0] + p[1]) @ p[2] + p[3]) @ p[4] + p[5]

    def loss_of(order):
        if workload == "cnn":
            a = I[order]
            for kernel, bias in ((p[0], p[1]), (p[2], p[3])):
                a = F.max_pool2d(torch.relu(F.conv2d(a, kernel, bias, padding=1)), 2)
            return F.cross_entropy(a.flatten(1) @ p[4] + p[5], Y[order])
        if workload == "mlp":
            z = dense(p, X[order])
        else:
            c, x = C[order], X[order]
            looked = [F.embedding(c[:, i], table) for i, table in enumerate(p[:5])]
            z = dense(p[5:11], torch.cat([*(v[:, :-1] for v in looked), x], 1)) + sum(v[:, -1:] for v in looked) + x @ p[11]
        return F.binary_cross_entropy_with_logits(z[:, 0], Y[order])

    def run(orders):
        for order in torch.from_numpy(orders):
            loss = loss_of(order)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return float(loss.detach())

    return run


def sklearn_peer():
    from sklearn.neural_network import MLPClassifier

    if steps != rows // batch + 1:
        raise SystemExit(f"a round of scikit-learn is an epoch of {rows // batch + 1} steps")
    # `fit` goes on from where it was: an epoch a call, in an order of its own.
    model = MLPClassifier((128, 64), batch_size=batch, alpha=0, max_iter=1, tol=0, warm_start=True, learning_rate_init=rate, epsilon=1e-7)

    def run(_):
        import warnings

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.fit(numeric, target)
        return float(model.loss_)

    return run


run = {"jax": jax_peer, "torch": torch_peer, "sklearn": sklearn_peer}[peer]()
for _ in sys.stdin:
    orders = random.integers(0, rows, (steps, batch))
    start, used = time.perf_counter(), time.process_time()
    loss = run(orders)
    elapsed, used = time.perf_counter() - start, time.process_time() - used
    print(json.dumps({"msPerStep": elapsed * 1000 / steps, "processorMsPerStep": used * 1000 / steps, "loss": loss}), flush=True)
