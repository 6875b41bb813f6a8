/** A response that stands in the configuration, prepared at start. */
export interface LocalResponse {
  readonly status: number
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  /** `undefined` for none. */
  readonly body: Buffer | undefined
}

/** @param body text, or a JSON value */
export function localResponse (status: number, headers: Readonly<Record<string, string>>, body?: unknown): LocalResponse {
  const given = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
  if (body === undefined) return { status, headers: given, body }
  const bytes = Buffer.from(typeof body === 'string' ? body : JSON.stringify(body))
  return { status, headers: { 'content-type': typeOf(body), ...given, 'content-length': String(bytes.length) }, body: bytes }
}

function typeOf (body: unknown): string {
  if (typeof body !== 'string') return 'application/json; charset=utf-8'
  return /^\s*<(?:!doctype html|html)\b/i.test(body) ? 'text/html; charset=utf-8' : 'text/plain; charset=utf-8'
}
