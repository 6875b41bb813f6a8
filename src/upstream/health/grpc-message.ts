// gRPC's health protocol, grpc.health.v1 (https://github.com/grpc/grpc/blob/master/doc/health-checking.md). Its two
// messages have one field each, which is quicker written by hand than by a library for protobuf.

/** A message's prefix: whether it is compressed, and its length (gRPC over HTTP/2, Length-Prefixed-Message). */
const PREFIX = 5
/** Field 1, text. */
const SERVICE = 0x0a
/** Field 1, a number. */
const STATUS = 0x08

/** Of `HealthCheckResponse.ServingStatus`. */
const SERVING_STATUSES = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN']

/** Of the protocol itself, by their numbers. */
const CODES = [
  'OK', 'CANCELLED', 'UNKNOWN', 'INVALID_ARGUMENT', 'DEADLINE_EXCEEDED', 'NOT_FOUND', 'ALREADY_EXISTS', 'PERMISSION_DENIED', 'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION', 'ABORTED', 'OUT_OF_RANGE', 'UNIMPLEMENTED', 'INTERNAL', 'UNAVAILABLE', 'DATA_LOSS', 'UNAUTHENTICATED'
]

/** `HealthCheckRequest`, framed. */
export function healthRequest (service: string): Buffer {
  const name = Buffer.from(service)
  // No field where the text is empty.
  const message = name.length === 0 ? name : Buffer.concat([Buffer.from([SERVICE, ...varint(name.length)]), name])
  const prefix = Buffer.alloc(PREFIX)
  prefix.writeUInt32BE(message.length, 1)
  return Buffer.concat([prefix, message])
}

/** Seven bits a byte, the lowest first; the highest bit says that more follow. */
function varint (value: number): number[] {
  return value < 128 ? [value] : [value & 127 | 128, ...varint(value >> 7)]
}

/** The name of the status in a framed `HealthCheckResponse`; `undefined` when it is none. */
export function servingStatus (framed: Buffer): string | undefined {
  const length = framed.length - PREFIX
  if (length < 0 || framed[0] !== 0 || framed.readUInt32BE(1) !== length) return undefined
  // No field where the status is 0.
  if (length === 0) return SERVING_STATUSES[0]
  return length === 2 && framed[PREFIX] === STATUS ? SERVING_STATUSES[framed.readUInt8(PREFIX + 1)] : undefined
}

/** The name of a `grpc-status`. */
export function codeName (status: string): string {
  return CODES[Number(status)] ?? `status ${status}`
}
