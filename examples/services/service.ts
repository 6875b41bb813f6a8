import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** One request to a service; `name` is the service's, which is also the first segment of its paths. */
export interface Call {
  readonly name: string
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly query: URLSearchParams
}

export type Responder = (call: Call) => void | Promise<void>

/** What a service responds to: `GET /health` or, for any method, `/echo`, each below the service's name. */
export type Responses = Readonly<Record<string, Responder>>

export interface Service {
  readonly name: string
  readonly port: number
  readonly url: string
  /** Stops listening and cuts every connection: a sample has nothing worth waiting for. */
  close (): Promise<void>
}

/** Thrown by a responder that cannot make sense of its request. */
export class Rejection extends Error {
  constructor (readonly status: number, message: string) {
    super(message)
    this.name = 'Rejection'
  }
}

/** Starts a service on `localhost`; port 0 is any free one. */
export async function startService (name: string, responses: Responses, port: number): Promise<Service> {
  const server = createServer((request, response) => {
    // A client that goes away makes pipes and waits fail, on either of the two.
    request.on('error', () => {})
    response.on('error', () => {})
    respond(name, responses, request, response).catch((error: unknown) => fail(name, response, error))
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, 'localhost', resolve)
  })
  const bound = portOf(server)
  return {
    name,
    port: bound,
    url: `http://localhost:${bound}`,
    close: () => new Promise(resolve => {
      server.close(() => resolve())
      server.closeAllConnections()
    })
  }
}

export function portOf (server: { address (): AddressInfo | string | null }): number {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('this server listens on no port')
  return address.port
}

async function respond (name: string, responses: Responses, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { method = '', url = '' } = request
  const [path = '', query] = url.split('?', 2)
  const below = path.startsWith(`/${name}/`) ? path.slice(name.length + 1) : ''
  // Node leaves the body out of the response to a HEAD by itself.
  const found = responses[`${method === 'HEAD' ? 'GET' : method} ${below}`] ?? responses[below]
  if (found === undefined) throw new Rejection(404, `${method} ${path} is not known here`)
  await found({ name, request, response, query: new URLSearchParams(query) })
}

function fail (name: string, response: ServerResponse, error: unknown): void {
  if (error instanceof Rejection && !response.headersSent) sendJson(response, error.status, { service: name, error: error.message })
  else response.destroy()
}

/** The line break at the end keeps a terminal's prompt off the response. */
export function sendJson (response: ServerResponse, status: number, body: unknown, fields: Record<string, string | string[]> = {}): void {
  const bytes = Buffer.from(`${JSON.stringify(body)}\n`)
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8', 'content-length': bytes.length, ...fields })
  response.end(bytes)
}

/** Reads a whole number from the query. */
export function wholeNumber (query: URLSearchParams, name: string, fallback: number): number {
  const given = query.get(name) ?? String(fallback)
  if (!/^\d{1,9}$/.test(given)) throw new Rejection(400, `${name} must be a whole number, not "${given}"`)
  return Number(given)
}
