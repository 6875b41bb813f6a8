/** Bytes. glibc then gives memory back when twice as much lies free at the end of its heap. */
const BLOCK = 16 * 2 ** 20

/**
 * Has glibc keep what is freed. Bodies are read into buffers of up to 64 KiB that are garbage a moment later, and V8
 * frees them by the hundred: more than the 128 KiB from which on glibc gives memory back to the kernel, only to fault
 * it in again page by page. It does so no more once a large block was freed, as its threshold grows with the largest
 * (mallopt(3), M_TRIM_THRESHOLD and "dynamic mmap threshold"). So here is one. No byte of it is ever touched, and
 * where there is another malloc it changes nothing.
 */
export function keepFreedMemory (): void {
  Buffer.allocUnsafeSlow(BLOCK)
}
