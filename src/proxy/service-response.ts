import type { UpstreamResponse } from '../upstream/pool.js'
import { headersOf } from './field-changes.js'
import type { Headers } from './field-changes.js'
import { eachField, FieldNames, isSame } from './fields.js'
import type { RawFields } from './fields.js'
import type { ServiceResponse } from './hooks.js'

/** A response as hooks see it. */
export class SeenResponse implements ServiceResponse {
  readonly statusCode: number
  readonly statusMessage: string
  readonly #rawHeaders: RawFields
  #headers: Headers | undefined

  constructor ({ statusCode, statusMessage, rawHeaders }: UpstreamResponse) {
    this.statusCode = statusCode
    this.statusMessage = statusMessage
    this.#rawHeaders = rawHeaders
  }

  get headers (): Readonly<Headers> {
    this.#headers ??= headersOf(this.#rawHeaders)
    return this.#headers
  }
}

/** What is true of the bytes of one body alone: its length, its digests, and that parts of it may be asked for. */
const OF_BODY = new FieldNames(['content-length', 'content-md5', 'digest', 'content-digest', 'repr-digest', 'accept-ranges', 'trailer'])

/** A head whose body is another one now. What a strong ETag promises is no longer so (RFC 9110 section 8.8.1). */
export function headOfOtherBody (head: RawFields): string[] {
  const kept: string[] = []
  eachField(head, (name, value) => {
    if (OF_BODY.has(name)) return
    kept.push(name, isSame(name, 'etag') && value.startsWith('"') ? `W/${value}` : value)
  })
  return kept
}
