/** A request whose fate is asked. Texts have a character for each byte, as they are sent. */
export interface AskedRequest {
  readonly method: string
  /** In origin-form. */
  readonly target: string
  readonly host: string
  readonly fields: ReadonlyArray<readonly [name: string, value: string]>
  readonly body?: string
  /** What of the request as it was given is left out. */
  readonly notes?: readonly string[]
}

/** What was given is no request; the message says why. */
export class UnreadableRequest extends Error {}

export function bytesOf (text: string): string {
  return Buffer.from(text).toString('latin1')
}

export function textOf (bytes: string): string {
  return Buffer.from(bytes, 'latin1').toString()
}

/** As it is shown in messages. */
export function quoted (bytes: string): string {
  const text = textOf(bytes)
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text)
}

const TOKEN = /^[\w!#$%&'*+.^`|~-]+$/

/**
 * Not by the URL parser, which would resolve and encode what the gateway is asked about.
 *
 * @param url a path, or with a scheme and a host
 * @throws UnreadableRequest
 */
export function splitUrl (url: string): { target: string, host: string } {
  const [path = ''] = url.split('#', 1)
  if (path.startsWith('/')) return { target: path, host: 'localhost' }
  const [, host = '', target = ''] = /^(?:https?|wss?):\/\/([^/?]+)([/?].*)?$/i.exec(path) ?? []
  if (host === '') throw new UnreadableRequest(`found ${quoted(url)}, must be a path, or a url with http:// or https://`)
  return { host, target: target.startsWith('/') ? target : `/${target}` }
}

/** @throws UnreadableRequest for what no client could send */
export function validateAsked ({ method, target, host, fields }: AskedRequest): void {
  if (!TOKEN.test(method)) throw new UnreadableRequest(`found ${quoted(method)}, must be a method such as GET`)
  // No tunnel is opened for anybody, and it has no path.
  if (method === 'CONNECT') throw new UnreadableRequest('found CONNECT, which asks for no path: the gateway takes it nowhere')
  if (/[^!-\xff]/.test(target)) throw new UnreadableRequest(`found ${quoted(target)}, must be a path without blanks and line breaks: write %20 for a blank`)
  const all: AskedRequest['fields'] = [['Host', host], ...fields]
  for (const [name, value] of all) {
    if (!TOKEN.test(name)) throw new UnreadableRequest(`found ${quoted(name)}, must be the name of a header`)
    if (/[^\t -~\x80-\xff]/.test(value)) throw new UnreadableRequest(`found ${quoted(value)}, must be the value of a header, without line breaks`)
  }
}

/** @throws UnreadableRequest */
export function requestOfParts (method: string, url: string, fields: AskedRequest['fields']): AskedRequest {
  const asked = { method: method.toUpperCase(), ...splitUrl(url), fields }
  validateAsked(asked)
  return asked
}
