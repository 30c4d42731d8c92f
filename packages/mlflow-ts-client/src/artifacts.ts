import { createReadStream, createWriteStream } from 'node:fs';
import { rename, rm, stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream as NodeReadableStream } from 'node:stream/web';
import type { RawRequest, RequestBody, Transport } from './transport.js';
import type { ArtifactFile } from './types.js';

const root = '/api/2.0/mlflow-artifacts/artifacts';

/**
 * Files of a run through the server's artifact proxy (`mlflow server --artifacts-destination …`).
 *
 * Folders are given as the `artifactUri` of a run, or any `mlflow-artifacts:/…` below it.
 */
export class Artifacts {
  constructor(private readonly transport: Transport) {}

  /** Replaces a file of that path. The file is streamed, and read again from its start when an attempt fails. */
  async uploadFile(artifactUri: string, path: string, localPath: string): Promise<void> {
    const { size } = await stat(localPath);
    await this.#put(artifactUri, path, size, () => Readable.toWeb(createReadStream(localPath)) as NodeReadableStream<Uint8Array>);
  }

  async uploadBytes(artifactUri: string, path: string, bytes: Uint8Array | string): Promise<void> {
    const content = Buffer.from(bytes as Uint8Array);
    await this.#put(artifactUri, path, content.byteLength, () => new Uint8Array(content));
  }

  /** @throws MlflowError `RESOURCE_DOES_NOT_EXIST` or another with status 404 or 500, as the server's storage tells it */
  async downloadBytes(artifactUri: string, path: string): Promise<Uint8Array> {
    return this.transport.send(this.#get(artifactUri, path), async (response) => new Uint8Array(await response.arrayBuffer()));
  }

  /** Streams into `<localPath>.part` and renames it, so that the path never holds a part of the file. */
  async downloadFile(artifactUri: string, path: string, localPath: string): Promise<void> {
    const partial = `${localPath}.part`;
    try {
      await this.transport.send(this.#get(artifactUri, path), async (response) => {
        const body = response.body ? Readable.fromWeb(response.body as NodeReadableStream<Uint8Array>) : Readable.from([]);
        await pipeline(body, createWriteStream(partial));
      });
      await rename(partial, localPath);
    } finally {
      await rm(partial, { force: true });
    }
  }

  /** @param path a folder below `artifactUri`; a folder that does not exist is empty */
  async list(artifactUri: string, path = ''): Promise<ArtifactFile[]> {
    const answer = await this.transport.json<{ files?: { path: string; is_dir?: boolean; file_size?: number }[] }>({
      method: 'GET',
      path: root,
      query: { path: [proxyPath(artifactUri), path].filter(Boolean).join('/') },
      idempotent: true,
    });
    return (answer.files ?? []).map((file) => ({
      path: file.path,
      isDirectory: file.is_dir ?? false,
      // MLflow leaves the size of an empty file out.
      ...(file.is_dir !== true && { sizeBytes: file.file_size ?? 0 }),
    }));
  }

  async #put(artifactUri: string, path: string, sizeBytes: number, body: () => RequestBody): Promise<void> {
    await this.transport.send(
      {
        method: 'PUT',
        path: artifactPath(artifactUri, path),
        // With its length given, a stream is not sent in chunks, which servers behind WSGI cannot read.
        headers: { 'content-type': 'application/octet-stream', 'content-length': String(sizeBytes) },
        body,
        idempotent: true,
        timeoutMs: this.transport.transferTimeoutMs,
      },
      (response) => response.arrayBuffer(),
    );
  }

  #get(artifactUri: string, path: string): RawRequest {
    return { method: 'GET', path: artifactPath(artifactUri, path), idempotent: true, timeoutMs: this.transport.transferTimeoutMs };
  }
}

function artifactPath(artifactUri: string, path: string): string {
  const segments = [...proxyPath(artifactUri).split('/'), ...path.split('/')].filter(Boolean);
  return `${root}/${segments.map(encodeURIComponent).join('/')}`;
}

/** `mlflow-artifacts:/1/<run>/artifacts`, or with a host: the path after it. */
function proxyPath(artifactUri: string): string {
  const match = /^mlflow-artifacts:(?:\/\/[^/]*)?\/?(.*)$/.exec(artifactUri);
  if (match) return match[1].replace(/\/+$/, '');
  throw new TypeError(
    `The artifacts at ${JSON.stringify(artifactUri)} are not served by MLflow's proxy. Start the server with --artifacts-destination, and without --default-artifact-root or --no-serve-artifacts.`,
  );
}
