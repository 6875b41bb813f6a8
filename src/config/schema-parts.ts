import { Type } from 'typebox'
import type { Format } from './formats.js'
import { DURATION, LONGEST_TIMEOUT, SIZE } from './units.js'

// What the sections of the schema are made of.

/** What holds where a configuration is silent. */
export const defaults = {
  trustProxy: false,
  shutdownTimeout: '30s',
  accessLog: true,
  credentials: false,
  methods: ['GET', 'HEAD', 'PUT', 'PATCH', 'POST', 'DELETE'],
  timeWindow: '1m',
  timeout: '30s',
  protocol: 'http',
  via: true,
  forwarded: 'x-forwarded',
  maxBodySize: '1gb',
  requestTimeout: '30s',
  minBodyRate: 128,
  connectTimeout: '5s',
  upgradeTimeout: '10m',
  rejectUnauthorized: true,
  http2: false,
  maxConnections: 20_000,
  maxHeaderSize: '16kb',
  headersTimeout: '15s',
  keepAliveTimeout: '72s',
  maxRequestsPerConnection: 0
} as const

export type Words = { description: string, errorMessage: string, default?: unknown, examples?: unknown[] }

/** A section takes no key that it does not name. */
export const closed = { additionalProperties: false }

/** A string that one of our formats formats, beyond what a pattern can say. */
export function FormattedText (format: Format, words: Words, pattern?: RegExp) {
  return Type.String({ ...words, ...(pattern && { pattern: pattern.source }), format })
}

/** Milliseconds, or a text with a unit. */
export function Duration (least: 0 | 1, words: Omit<Words, 'errorMessage'>) {
  const errorMessage = `must be a duration of ${least} to ${LONGEST_TIMEOUT} ms: ` +
    'whole milliseconds (30000) or text such as "500ms", "30s", "1m", "1h", "1d"'
  return Type.Union([
    Type.Integer({ minimum: least, maximum: LONGEST_TIMEOUT, errorMessage }),
    Type.String({ pattern: DURATION.source, format: least === 0 ? 'duration' : 'timeout', errorMessage })
  ], { ...words, errorMessage })
}

/** Bytes, or a text with a unit. */
export function Size (words: Omit<Words, 'errorMessage'>) {
  const errorMessage = 'must be a size: whole bytes (1024) or text such as "512b", "10kb", "10mb", "1gb"'
  return Type.Union([
    Type.Integer({ minimum: 0, errorMessage }),
    Type.String({ pattern: SIZE.source, errorMessage })
  ], { ...words, errorMessage })
}

/** `true` or `false`. */
export function Switch (description: string, byDefault: boolean) {
  return Type.Boolean({ description, default: byDefault, errorMessage: 'must be true or false' })
}

/** A whole number. */
export function Count (least: number, words: Omit<Words, 'errorMessage'>) {
  return Type.Integer({ ...words, minimum: least, errorMessage: `must be a whole number, ${least} or more` })
}
