/** Less than this, in bytes, is left to the garbage collector. */
const worthwhile = 64 * 1024;

/**
 * Gives the memory back that these bytes alone are kept in; they are empty afterwards. Left to the garbage collector, a
 * few buffers of some megabytes make it go through its whole heap.
 */
export function freeBytes({ buffer }: ArrayBufferView): void {
  // Node.js keeps small buffers together in one of this size, which cannot be given back.
  const shared = Buffer.poolSize;
  if (buffer instanceof ArrayBuffer && buffer.byteLength > Math.max(worthwhile, shared)) buffer.transfer(0);
}
