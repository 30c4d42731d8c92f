import { CompressionType, compressionRegistry } from 'apache-arrow';
import { decompress as decompressZstd } from 'fzstd';
import lz4 from 'lz4js';

/** Make the two codecs of Arrow's IPC formats known to the library, which brings none; repeating it changes nothing. */
export function registerBufferCompression(): void {
  compressionRegistry.set(CompressionType.LZ4_FRAME, { decode: (data) => aligned(lz4.decompress(data)) });
  compressionRegistry.set(CompressionType.ZSTD, { decode: (data) => aligned(decompressZstd(data)) });
}

/** A column of 8-byte numbers is a view of the buffer, and a view must begin at a multiple of 8. */
function aligned(buffer: Uint8Array): Uint8Array {
  return buffer.byteOffset % 8 === 0 ? buffer : buffer.slice();
}
