import type { Field } from './grammar.js'

/** RFC 7541 appendix A: `name value`. */
const STATIC_TABLE: readonly Field[] = `:authority
:method GET
:method POST
:path /
:path /index.html
:scheme http
:scheme https
:status 200
:status 204
:status 206
:status 304
:status 400
:status 404
:status 500
accept-charset
accept-encoding gzip, deflate
accept-language
accept-ranges
accept
access-control-allow-origin
age
allow
authorization
cache-control
content-disposition
content-encoding
content-language
content-length
content-location
content-range
content-type
cookie
date
etag
expect
expires
from
host
if-match
if-modified-since
if-none-match
if-range
if-unmodified-since
last-modified
link
location
max-forwards
proxy-authenticate
proxy-authorization
range
referer
refresh
retry-after
server
set-cookie
strict-transport-security
transfer-encoding
user-agent
vary
via
www-authenticate`.split('\n').map(line => {
    const [name = '', ...value] = line.split(' ')
    return [name, value.join(' ')]
  })

/** RFC 7541 appendix B is a canonical code: the symbols of each length, in their order, say all of it. 256 is EOS. */
const SYMBOLS: Record<number, readonly number[]> = {
  5: codes('012aceiost'),
  6: codes(' %-./3456789=A_bdfghlmnpru'),
  7: codes(':BCDEFGHIJKLMNOPQRSTUVWYjkqvwxyz'),
  8: codes('&*,;XZ'),
  10: codes('!"()?'),
  11: codes('\'+|'),
  12: codes('#>'),
  13: codes('\0$@[]~'),
  14: codes('^}'),
  15: codes('<`{'),
  19: [92, 195, 208],
  20: [128, 130, 131, 162, 184, 194, 224, 226],
  21: [153, 161, 167, 172, 176, 177, 179, 209, 216, 217, 227, 229, 230],
  22: [129, 132, 133, 134, 136, 146, 154, 156, 160, 163, 164, 169, 170, 173, 178, 181, 185, 186, 187, 189, 190, 196, 198, 228, 232, 233],
  23: [1, 135, 137, 138, 139, 140, 141, 143, 147, 149, 150, 151, 152, 155, 157, 158, 165, 166, 168, 174, 175, 180, 182, 183, 188, 191, 197, 231, 239],
  24: [9, 142, 144, 145, 148, 159, 171, 206, 215, 225, 236, 237],
  25: [199, 207, 234, 235],
  26: [192, 193, 200, 201, 202, 205, 210, 213, 218, 219, 238, 240, 242, 243, 255],
  27: [203, 204, 211, 212, 214, 221, 222, 223, 241, 244, 245, 246, 247, 248, 250, 251, 252, 253, 254],
  28: [2, 3, 4, 5, 6, 7, 8, 11, 12, 14, 15, 16, 17, 18, 19, 20, 21, 23, 24, 25, 26, 27, 28, 29, 30, 31, 127, 220, 249],
  30: [10, 13, 22, 256]
}

/** By the code's bits, with a one before them. */
const HUFFMAN = huffman()

function codes (text: string): number[] {
  return [...text].map(character => character.charCodeAt(0))
}

function huffman (): Map<number, number> {
  const table = new Map<number, number>()
  let code = 0
  for (let length = 1; length <= 30; length++) {
    code *= 2
    for (const symbol of SYMBOLS[length] ?? []) table.set(2 ** length + code++, symbol)
  }
  return table
}

/** Literals that no table keeps, without Huffman: each field stands for itself, wherever it comes. */
export function encodeFields (fields: readonly Field[]): string {
  return fields.map(([name, value]) => `\0${encodeText(name)}${encodeText(value)}`).join('')
}

function encodeText (text: string): string {
  if (text.length < 127) return String.fromCharCode(text.length) + text
  let length = String.fromCharCode(127)
  let rest = text.length - 127
  for (; rest > 127; rest >>= 7) length += String.fromCharCode(128 | (rest & 127))
  return length + String.fromCharCode(rest) + text
}

/** What a table keeps at most: what Node's peers may, before and after they know better. */
const MAX_TABLE = 4096

class Malformed extends Error {}

/** Reads the field blocks of one direction of a connection. */
export class FieldDecoder {
  readonly #table: Field[] = []
  #limit = MAX_TABLE
  #text = ''
  #at = 0

  /** @returns `undefined` for what nobody can read, which is the connection's end */
  decode (block: string): Field[] | undefined {
    this.#text = block
    this.#at = 0
    const fields: Field[] = []
    try {
      while (this.#at < block.length) fields.push(...this.#next())
    } catch (error) {
      if (!(error instanceof Malformed)) throw error
      return undefined
    }
    return fields
  }

  #next (): Field[] {
    const first = this.#text.charCodeAt(this.#at)
    if (first >= 128) return [this.#entry(this.#number(7))]
    if (first >= 64) {
      const field = this.#literal(this.#number(6))
      this.#table.unshift(field)
      this.#shrink()
      return [field]
    }
    if (first < 32) return [this.#literal(this.#number(4))]
    this.#limit = this.#number(5)
    if (this.#limit > MAX_TABLE) throw new Malformed()
    this.#shrink()
    return []
  }

  #shrink (): void {
    let size = 0
    const kept = this.#table.findIndex(([name, value]) => (size += name.length + value.length + 32) > this.#limit)
    if (kept !== -1) this.#table.length = kept
  }

  #entry (index: number): Field {
    const field = index > STATIC_TABLE.length ? this.#table[index - STATIC_TABLE.length - 1] : STATIC_TABLE[index - 1]
    if (field === undefined) throw new Malformed()
    return field
  }

  #literal (index: number): Field {
    const name = index === 0 ? this.#string() : this.#entry(index)[0]
    return [name, this.#string()]
  }

  #number (bits: number): number {
    const mask = 2 ** bits - 1
    let number = this.#byte() & mask
    if (number < mask) return number
    let byte = 128
    for (let factor = 1; byte >= 128; factor *= 128) {
      byte = this.#byte()
      number += (byte & 127) * factor
      if (number > 2 ** 32) throw new Malformed()
    }
    return number
  }

  #byte (): number {
    if (this.#at >= this.#text.length) throw new Malformed()
    return this.#text.charCodeAt(this.#at++)
  }

  #string (): string {
    const isHuffman = this.#text.charCodeAt(this.#at) >= 128
    const length = this.#number(7)
    const text = this.#text.slice(this.#at, this.#at + length)
    if (text.length < length) throw new Malformed()
    this.#at += length
    return isHuffman ? decodeHuffman(text) : text
  }
}

function decodeHuffman (text: string): string {
  let decoded = ''
  let code = 1
  for (const character of text) {
    for (let bit = 128; bit > 0; bit >>= 1) {
      code = code * 2 + (character.charCodeAt(0) & bit ? 1 : 0)
      const symbol = HUFFMAN.get(code)
      if (symbol === 256) throw new Malformed()
      if (symbol === undefined) continue
      decoded += String.fromCharCode(symbol)
      code = 1
    }
  }
  // Less than a byte of ones is left, as the begin of EOS.
  if (code >= 256 || (code & (code + 1)) !== 0) throw new Malformed()
  return decoded
}
