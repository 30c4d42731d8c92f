# The training worker for NVIDIA cards: the image of the others, with TensorFlow.js on a libtensorflow with CUDA.
#
# The wheel brings CUDA's and cuDNN's libraries; the machine brings the driver, through NVIDIA's container toolkit.

FROM node:20-bookworm-slim AS build
RUN apt-get update \
  && apt-get install --yes --no-install-recommends g++ python3 python3-venv ca-certificates \
  && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
COPY packages/mlflow-ts-client/package.json packages/mlflow-ts-client/
RUN npm ci
COPY . .
# It loads the binding at the end, which without a card computes on the processor.
RUN npm run build:tfjs-native -- --gpu \
  && node scripts/compile.mjs \
  && npm run build:workflows \
  && npm prune --omit=dev \
  && rm -rf .venv

# A base whose variables ask the container toolkit for the driver, and whose C library is no older than that of the build.
FROM nvidia/cuda:12.9.1-base-ubuntu24.04
RUN apt-get update \
  && apt-get install --yes --no-install-recommends ca-certificates \
  && rm -rf /var/lib/apt/lists/* \
  && mkdir -p /var/lib/anneal/home /var/lib/anneal/artifacts \
  && chown -R 1000:1000 /var/lib/anneal
COPY --from=build /usr/local/bin/node /usr/local/bin/node
WORKDIR /app
COPY --from=build /app /app
# The wheel's libraries lie in folders of their own below it; the loader learns of them here.
RUN find /app/build/tensorflow-cuda -type d -path '*/nvidia/*/lib' > /etc/ld.so.conf.d/anneal-cuda.conf && ldconfig
# The number that the other images' user has: they share the volume of artifacts.
USER 1000:1000
ENV NODE_ENV=production \
  ANNEAL_HOME=/var/lib/anneal/home \
  ANNEAL_ARTIFACTS=/var/lib/anneal/artifacts \
  NVIDIA_DRIVER_CAPABILITIES=compute,utility
ENTRYPOINT ["node", "scripts/run.mjs"]
CMD ["workers/training.ts"]
