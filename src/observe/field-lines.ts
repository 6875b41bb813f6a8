import type { AccessLine, AccessLines, LoggedRequest } from './access-line.js'
import type { LogOutput } from './log-output.js'
import { codeOf, reasonOf } from './reason.js'
import { REDACTED } from './redaction.js'
import type { Redaction } from './redaction.js'

const HEADER = 'header:'
/** Never shown, whoever asks for them. */
const SECRET_HEADERS = ['authorization', 'proxy-authorization', 'cookie', 'set-cookie', 'x-api-key']

type Read = (line: AccessLine, request: LoggedRequest | undefined) => unknown

/** Lines of JSON that have some of the fields, in an order of their own. */
export class FieldLines implements AccessLines {
  readonly #output: LogOutput
  readonly #fields: ReadonlyArray<readonly [name: string, read: Read]>

  /** @param names `time`, those of a line's keys, or `header:` and the name of a header of the request */
  constructor (output: LogOutput, names: readonly string[], redaction: Redaction) {
    this.#output = output
    this.#fields = names.map(name => [name, readerOf(name, redaction)])
  }

  isOn (): boolean {
    return true
  }

  write (line: AccessLine, _isFailure: boolean, request?: LoggedRequest): void {
    const shown: Record<string, unknown> = {}
    for (const [name, read] of this.#fields) shown[name] = read(line, request)
    this.#output.write(`${JSON.stringify(shown)}\n`)
  }
}

function readerOf (name: string, redaction: Redaction): Read {
  if (name === 'time') return () => Date.now()
  if (name === 'err') return ({ err }) => err && { type: err.constructor.name, message: reasonOf(err), code: codeOf(err) }
  if (!name.startsWith(HEADER)) return line => Reflect.get(line, name)
  const header = name.slice(HEADER.length).toLowerCase()
  const isSecret = SECRET_HEADERS.includes(header)
  return (_line, request) => {
    const value = request?.headers[header]
    if (isSecret && value !== undefined) return REDACTED
    // Such as that of the page before.
    return header === 'referer' && typeof value === 'string' ? redaction.url(value) : value
  }
}
