"""Milliseconds per training step of the bench's networks in JAX (jit + scan) or PyTorch; one line of JSON on stdout.

Usage: python peers.py <jax|torch> <mlp|cnn> <threads> <rounds> <steps per round>
"""

import json
import os
import sys
import time

peer, workload, threads, rounds, steps = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:6])
for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[name] = str(threads)
if hasattr(os, "sched_setaffinity"):
    # XLA has no option for its number of threads: it takes the cores that it may use.
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])

import numpy as np

random = np.random.default_rng(1)
if workload == "mlp":
    rows, batch, rate = 20_000, 256, 0.001
    x = random.uniform(-1, 1, (rows, 32)).astype(np.float32)
    y = (x @ random.uniform(-0.5, 0.5, 32) + random.uniform(-0.5, 0.5, rows) > 0).astype(np.float32)
else:
    rows, batch, rate = 2_000, 64, 0.001
    x = random.uniform(0, 1, (rows, 28, 28, 1)).astype(np.float32)
    y = random.integers(0, 10, rows).astype(np.int32)
shapes = {
    "mlp": [(32, 128), (128,), (128, 64), (64,), (64, 1), (1,)],
    "cnn": [(3, 3, 1, 32), (32,), (3, 3, 32, 64), (64,), (7 * 7 * 64, 10), (10,)],
}[workload]
initial = [
    np.zeros(shape, np.float32)
    if len(shape) == 1
    else (random.uniform(-1, 1, shape) * np.sqrt(6 / np.prod(shape[:-1]))).astype(np.float32)
    for shape in shapes
]


def run_jax():
    import jax
    import jax.numpy as jnp

    def logits(p, x):
        if workload == "mlp":
            x = jax.nn.relu(x @ p[0] + p[1])
            x = jax.nn.relu(x @ p[2] + p[3])
            return x @ p[4] + p[5]
        for kernel, bias in ((p[0], p[1]), (p[2], p[3])):
            x = jax.lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))
            x = jax.lax.reduce_window(jax.nn.relu(x + bias), -jnp.inf, jax.lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
        return x.reshape(x.shape[0], -1) @ p[4] + p[5]

    def loss(p, x, y):
        z = logits(p, x)
        if workload == "mlp":
            return jnp.mean(jnp.logaddexp(0, z[:, 0]) - z[:, 0] * y)
        return jnp.mean(jax.nn.logsumexp(z, 1) - jnp.take_along_axis(z, y[:, None], 1)[:, 0])

    X, Y = jnp.asarray(x), jnp.asarray(y)

    def step(state, order):
        p, m, v, t = state
        value, g = jax.value_and_grad(loss)(p, X[order], Y[order])
        t = t + 1
        m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, g)
        v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, g)
        size = rate * jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        p = jax.tree.map(lambda p, m, v: p - size * m / (jnp.sqrt(v) + 1e-7), p, m, v)
        return (p, m, v, t), value

    chunk = jax.jit(lambda state, orders: jax.lax.scan(step, state, orders))
    p = [jnp.asarray(a) for a in initial]
    state = (p, [jnp.zeros_like(a) for a in p], [jnp.zeros_like(a) for a in p], jnp.float32(0))

    def run(orders):
        nonlocal state
        state, losses = chunk(state, jnp.asarray(orders))
        return float(losses[-1])

    return run


def run_torch():
    import torch
    import torch.nn.functional as F

    torch.set_num_threads(threads)
    X = torch.from_numpy(x if workload == "mlp" else x.transpose(0, 3, 1, 2).copy())
    Y = torch.from_numpy(y if workload == "mlp" else y.astype(np.int64))
    turned = [a.transpose(3, 2, 0, 1).copy() if a.ndim == 4 else a for a in initial]
    p = [torch.from_numpy(a).requires_grad_() for a in turned]
    optimizer = torch.optim.Adam(p, lr=rate, eps=1e-7)

    def step(order):
        a = X[order]
        if workload == "mlp":
            z = torch.relu(torch.relu(a @ p[0] + p[1]) @ p[2] + p[3]) @ p[4] + p[5]
            loss = F.binary_cross_entropy_with_logits(z[:, 0], Y[order])
        else:
            for kernel, bias in ((p[0], p[1]), (p[2], p[3])):
                a = F.max_pool2d(torch.relu(F.conv2d(a, kernel, bias, padding=1)), 2)
            loss = F.cross_entropy(a.flatten(1) @ p[4] + p[5], Y[order])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    def run(orders):
        for order in torch.from_numpy(orders):
            loss = step(order)
        return float(loss)

    return run


run = {"jax": run_jax, "torch": run_torch}[peer]()
times = []
# The first round compiles and warms up and is not counted.
for i in range(rounds + 1):
    orders = random.integers(0, rows, (steps, batch))
    start = time.perf_counter()
    final = run(orders)
    if i > 0:
        times.append((time.perf_counter() - start) * 1000 / steps)
print(json.dumps({"msPerStep": float(np.median(times)), "finalLoss": final}))
