import type { RemoteFiles } from '../contracts/remote-files.js';
import type { S3Settings } from './s3-client.js';

/** Sources in S3. Nothing is loaded or asked before the first call. */
export function openRemoteFiles(settings: S3Settings): RemoteFiles {
  let opened: Promise<RemoteFiles> | undefined;
  const files = () => (opened ??= openS3(settings));
  return {
    list: async (uri, signal) => (await files()).list(uri, signal),
    fetch: async (uri, path, signal) => (await files()).fetch(uri, path, signal),
  };
}

async function openS3(settings: S3Settings): Promise<RemoteFiles> {
  const [{ createS3Client }, { S3RemoteFiles }] = await Promise.all([import('./s3-client.js'), import('./s3-remote-files.js')]);
  return new S3RemoteFiles(createS3Client(settings));
}
