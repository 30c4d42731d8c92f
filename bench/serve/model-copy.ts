/** Of `ModelProto` in ONNX: `doc_string`, a text. */
const docStringTag = (6 << 3) | 2;

/**
 * The same model with another digest, of which no host has anything prepared.
 *
 * The bytes of a message followed by those of a field are the message with that field.
 */
export function copyModel(model: Uint8Array, version: string): Buffer {
  const text = Buffer.from(`version ${version}`);
  return Buffer.concat([model, Buffer.from([docStringTag, text.length]), text]);
}
