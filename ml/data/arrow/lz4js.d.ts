/** lz4js has no types of its own; only what is used stands here. */
declare module 'lz4js' {
  const lz4: {
    /** One LZ4 frame. @throws Error when it is not one */
    decompress(frame: Uint8Array): Uint8Array;
    compress(data: Uint8Array): Uint8Array;
  };
  export default lz4;
}
