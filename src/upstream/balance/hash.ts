/**
 * FNV-1a with 32 bits over the text's UTF-16 code units. Gateways with the same targets must send a key to the same one,
 * so it has no seed: whoever makes up keys can aim at a target, which a bound on its load answers.
 */
export function hash (text: string): number {
  let state = 0x811c9dc5
  for (let at = 0; at < text.length; at++) state = Math.imul(state ^ text.charCodeAt(at), 0x01000193)
  return state >>> 0
}

/** The finalizer of MurmurHash3: each bit of what goes in changes half of those that come out. */
export function mix (bits: number): number {
  let state = bits
  state = Math.imul(state ^ (state >>> 16), 0x85ebca6b)
  state = Math.imul(state ^ (state >>> 13), 0xc2b2ae35)
  return (state ^ (state >>> 16)) >>> 0
}
