import { compileVouched, fieldOfClaim } from './identity.js'
import type { Identity } from './identity.js'

/** The value of a field: text, the name of what is filled in, text, and so on; text first and last. */
export type Template = readonly string[]

/** What the configuration says of the fields of one direction. */
export interface Rules {
  readonly remove: readonly string[]
  readonly set: ReadonlyArray<readonly [name: string, value: Template]>
  readonly append: ReadonlyArray<readonly [name: string, value: Template]>
}

/** Whom values tell of. */
export interface Filling {
  readonly ip: string
  readonly protocol: string
  /** The authority that the client asked for. */
  readonly host: string
  readonly identity?: Identity | undefined
}

/** Gives what may stand in a field. */
type Reader = (client: Filling, requestId: string) => string

const READERS: ReadonlyMap<string, Reader> = new Map<string, Reader>([
  ['client.ip', ({ ip }) => printable(ip)],
  ['client.protocol', ({ protocol }) => printable(protocol)],
  ['request.host', ({ host }) => printable(host)],
  ['request.id', (_client, id) => printable(id)]
])

const CLAIM = 'claim.'

/** One field that is added to a head. */
interface Field {
  readonly name: string
  readonly lowerCase: string
  /** Whether it takes the place of those of its name. */
  readonly replaces: boolean
  readonly value: string | ReadonlyArray<string | Reader>
}

/** What a route does to the fields of one direction, compiled at start. */
export class HeaderRules {
  /** Names that are not to pass by themselves, in lower case and with hyphens for underscores. */
  readonly replaced: readonly string[]
  readonly #fields: readonly Field[]

  /** @param prefix of the route, as it is mounted */
  constructor ({ remove, set, append }: Rules, prefix: string) {
    this.replaced = [...remove, ...set.map(([name]) => name)].map(name => name.toLowerCase().replaceAll('_', '-'))
    this.#fields = [
      ...set.map(([name, value]) => fieldOf(name, value, true, prefix)),
      ...append.map(([name, value]) => fieldOf(name, value, false, prefix))
    ]
  }

  /** @param kept names (lower case) that hooks have set, which no rule replaces */
  addTo (head: string[], client: Filling, requestId: string, kept: readonly string[]): void {
    for (const { name, lowerCase, replaces, value } of this.#fields) {
      if (replaces && kept.includes(lowerCase)) continue
      const filled = typeof value === 'string' ? value : fill(value, client, requestId)
      if (filled !== '') head.push(name, filled)
    }
  }
}

function fieldOf (name: string, template: Template, replaces: boolean, prefix: string): Field {
  const parts = template.map((part, nth) => {
    if (nth % 2 === 0) return part
    return part === 'route.prefix' ? prefix : readerOf(part)
  })
  const isConstant = parts.every(part => typeof part === 'string')
  return { name, lowerCase: name.toLowerCase(), replaces, value: isConstant ? parts.join('') : parts }
}

function readerOf (variable: string): Reader {
  const reader = variable.startsWith(CLAIM) ? readerOfClaim(variable.slice(CLAIM.length)) : READERS.get(variable)
  if (reader === undefined) throw new TypeError(`nothing is known as ${variable}`)
  return reader
}

/** What cannot be told as it is, is not told. */
function readerOfClaim (name: string): Reader {
  const read = compileVouched(name)
  return ({ identity }) => (identity && fieldOfClaim(read(identity)?.value)) ?? ''
}

/** White space at the ends is no part of a value, and HTTP/2 forbids it (RFC 9113 section 8.2.1). */
function fill (parts: ReadonlyArray<string | Reader>, client: Filling, requestId: string): string {
  let value = ''
  for (const part of parts) value += typeof part === 'string' ? part : part(client, requestId)
  return value.trim()
}

const NOT_PRINTABLE = /[^ -~]/g

/** What others said ends no line of a head, and means the same in every charset. */
function printable (text: string): string {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code < 0x20 || code > 0x7e) return text.replace(NOT_PRINTABLE, '')
  }
  return text
}
