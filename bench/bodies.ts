/** What the service answers to a small GET: 100 bytes of JSON. */
export const SMALL = padded({ id: 4711, name: 'Ada Lovelace', roles: ['admin', 'billing'], note: '' }, 100)
/** What it answers to a large one: 64 KiB. */
export const LARGE = Buffer.alloc(64 * 1024, 'abcdefghijklmnopqrstuvwxyz012345')
/** What clients post: 1 KiB of JSON. */
export const POSTED = padded({ id: 4711, note: '' }, 1024)

function padded (object: Record<string, unknown>, length: number): Buffer {
  const missing = length - Buffer.byteLength(JSON.stringify(object))
  return Buffer.from(JSON.stringify({ ...object, note: 'x'.repeat(missing) }))
}
