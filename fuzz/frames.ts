/** HTTP/2 as bytes (RFC 9113 section 4), in latin-1 text: frames and no opinion about them. */

export const DATA = 0
export const HEADERS = 1
export const PRIORITY = 2
export const RST_STREAM = 3
export const SETTINGS = 4
export const PUSH_PROMISE = 5
export const PING = 6
export const GOAWAY = 7
export const WINDOW_UPDATE = 8
export const CONTINUATION = 9

export const END_STREAM = 1
export const ACK = 1
export const END_HEADERS = 4
export const PADDED = 8
export const HAS_PRIORITY = 32

/** What a client begins with. */
export const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'
/** The largest payload that everybody takes. */
export const MAX_PAYLOAD = 16_384

export interface Frame {
  readonly type: number
  readonly flags: number
  readonly stream: number
  readonly payload: string
}

export function writeFrame (type: number, flags: number, stream: number, payload = ''): string {
  const { length } = payload
  return bytes(length >> 16, length >> 8, length, type, flags) + uint32(stream) + payload
}

/** The whole frames that stand at `at`, and where the next one begins. */
export function readFrames (text: string, at: number): { frames: Frame[], end: number } {
  const frames: Frame[] = []
  while (text.length - at >= 9) {
    const length = readUint32(text, at) >>> 8
    if (text.length - at - 9 < length) break
    const payload = text.slice(at + 9, at + 9 + length)
    frames.push({ type: text.charCodeAt(at + 3), flags: text.charCodeAt(at + 4), stream: readUint32(text, at + 5) & 0x7fffffff, payload })
    at += 9 + length
  }
  return { frames, end: at }
}

function bytes (...numbers: number[]): string {
  return String.fromCharCode(...numbers.map(number => number & 255))
}

export function uint32 (number: number): string {
  return bytes(number >> 24, number >> 16, number >> 8, number)
}

/** Of what is not there, zeros. */
export function readUint32 (text: string, at: number): number {
  let number = 0
  for (let i = at; i < at + 4; i++) number = number * 256 + (i < text.length ? text.charCodeAt(i) : 0)
  return number
}

/** The settings of a SETTINGS frame. */
export function settings (pairs: ReadonlyArray<readonly [id: number, value: number]>): string {
  return pairs.map(([id, value]) => bytes(id >> 8, id) + uint32(value)).join('')
}

/** Opens a window by so many bytes; 0 is the connection's own. */
export function grant (stream: number, size: number): string {
  return writeFrame(WINDOW_UPDATE, 0, stream, uint32(size))
}
