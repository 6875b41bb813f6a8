import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Explanation, GivenRequest } from '../explain/given.js'
import { LONGEST_LINE } from '../explain/given.js'
import { GatewayError } from '../proxy/errors.js'
import type { Source } from './source.js'

/** Bytes of a body: in JSON most characters of a line are one, none is more than six. */
const MOST_BYTES = 4 * LONGEST_LINE

const FORM = 'must be JSON such as { "curl": "curl http://localhost/api" } or { "method": "GET", "url": "/api", "headers": [["accept", "text/html"]] }'

/** Says where requests would go, of one at a time: it takes a while, and nobody needs more. */
export class ExplainRequests {
  readonly #source: Source
  #isBusy = false

  constructor (source: Source) {
    this.#source = source
  }

  /** @throws GatewayError */
  async respondTo (request: IncomingMessage, response: ServerResponse): Promise<Explanation> {
    const given = await readGiven(request, response)
    if (this.#isBusy) throw new GatewayError('SERVICE_UNAVAILABLE', 'Another request is being explained')
    this.#isBusy = true
    try {
      const explained = await this.#source.explain(given)
      if ('explanation' in explained) return explained.explanation
      if ('mistake' in explained) throw new GatewayError('BAD_REQUEST', explained.mistake)
      throw explained.failed === 'late' ? new GatewayError('SERVICE_UNAVAILABLE', 'It took too long to find out') : new GatewayError('INTERNAL_ERROR')
    } finally {
      this.#isBusy = false
    }
  }
}

/** @throws GatewayError */
async function readGiven (request: IncomingMessage, response: ServerResponse): Promise<GivenRequest> {
  // No page of another site can send this type without being allowed to, which none is (Fetch standard, CORS-safelisted request-header).
  if (!/^application\/json *(?:;|$)/i.test(request.headers['content-type'] ?? '')) throw new GatewayError('BAD_REQUEST', 'The content-type must be application/json')
  const given = parse(await readText(request, response))
  if (!isGiven(given)) throw new GatewayError('BAD_REQUEST', `The body ${FORM}`)
  return given
}

async function readText (request: IncomingMessage, response: ServerResponse): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  await new Promise<void>((resolve, reject) => {
    request.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size <= MOST_BYTES) {
        chunks.push(chunk)
        return
      }
      // The rest is not read.
      request.pause()
      response.setHeader('connection', 'close')
      reject(new GatewayError('PAYLOAD_TOO_LARGE'))
    })
    request.on('end', resolve)
    request.on('close', () => { reject(new GatewayError('BAD_REQUEST')) })
  })
  return Buffer.concat(chunks).toString()
}

function parse (text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function isGiven (given: unknown): given is GivenRequest {
  if (typeof given !== 'object' || given === null) return false
  const { curl, method = '', url, headers = [] }: { curl?: unknown, method?: unknown, url?: unknown, headers?: unknown } = given
  if (curl !== undefined) return isLine(curl)
  return isLine(method) && isLine(url) && Array.isArray(headers) && headers.every(isField)
}

function isField (field: unknown): boolean {
  return Array.isArray(field) && field.length === 2 && field.every(isLine)
}

function isLine (text: unknown): text is string {
  return typeof text === 'string' && text.length <= LONGEST_LINE
}
