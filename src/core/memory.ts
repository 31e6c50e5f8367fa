/** Below this size, in bytes, Node.js keeps several buffers in one piece of memory. */
const ownMemory = 64 * 1024;

/**
 * Gives the memory of bytes back that nobody uses any more; they are empty afterwards. Left to the garbage collector, a few
 * buffers of this size make it go through its whole heap.
 */
export function freeBytes({ buffer }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength >= ownMemory) buffer.transfer(0);
}
