import type { FileHandle } from 'node:fs/promises';

const magic = Buffer.from('ARROW1');
const endOfStream = Buffer.from([0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]);

/**
 * Look whether an Arrow file ends as it must.
 *
 * The library takes a stream that was cut short for one that ends there, and rows would be missing without a word. The format
 * lets a writer leave out the end mark of a stream; no known writer of files does.
 *
 * @throws Error when the file does not end with the magic (IPC file) or the end mark (IPC stream)
 */
export async function assertComplete(file: FileHandle): Promise<void> {
  const { size } = await file.stat();
  const isFile = magic.equals(await bytesAt(file, 0, magic.length));
  const mark = isFile ? magic : endOfStream;
  if (size > mark.length && mark.equals(await bytesAt(file, size - mark.length, mark.length))) return;
  throw new Error(isFile ? 'the end of the IPC file is missing' : 'it is no IPC file, and it does not end as an IPC stream does');
}

async function bytesAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, Math.max(0, position));
  return buffer.subarray(0, bytesRead);
}
