import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { once } from 'node:events'
import { setTimeout as pass } from 'node:timers/promises'
import { idIn } from '../id.js'
import { SLOWNESS } from './faults.js'
import type { TargetFault } from './faults.js'
import { HEALTH, workFor } from './requests.js'

/** Milliseconds to wait for a port that somebody else has taken meanwhile. */
const AGAIN = 50

/** How often each POST arrived, at whichever of the services. */
export type Arrivals = Map<number, number>

/** One of the targets. It responds, or has a fault. */
export class Service {
  fault: TargetFault | undefined
  /** When each request arrived, by `performance.now()`. */
  readonly arrivedAt: number[] = []
  readonly #seed: number
  readonly #address: string
  readonly #posts: Arrivals
  readonly #sockets = new Set<Socket>()
  readonly #held = new Set<Socket>()
  #server: Server | undefined
  #port = 0

  constructor (seed: number, index: number, posts: Arrivals) {
    this.#seed = seed
    this.#posts = posts
    // One of its own, so that nobody's outgoing connection takes the port while nothing listens.
    this.#address = process.platform === 'linux' ? `127.91.0.${index + 1}` : '127.0.0.1'
  }

  get authority (): string {
    return `${this.#address}:${this.#port}`
  }

  get url (): string {
    return `http://${this.authority}`
  }

  async open (): Promise<void> {
    while (!await this.#listens()) await pass(AGAIN)
  }

  async #listens (): Promise<boolean> {
    const server = createServer({ keepAliveTimeout: 60_000, requestTimeout: 0 }, (request, response) => this.#onRequest(request, response))
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        this.#sockets.delete(socket)
        this.#held.delete(socket)
      })
    })
    try {
      server.listen(this.#port, this.#address)
      await once(server, 'listening')
    } catch {
      return false
    }
    const address = server.address()
    if (address === null || typeof address === 'string') throw new TypeError('not listening on a port')
    this.#port = address.port
    this.#server = server
    return true
  }

  /** As a process that is killed: nothing listens, nothing is connected. */
  close (): void {
    this.#server?.close()
    this.#server = undefined
    for (const socket of this.#sockets) socket.destroy()
  }

  suffer (fault: TargetFault): void {
    this.fault = fault
    if (fault === 'dead') this.close()
  }

  /** What hung was the process: it is started anew. */
  async recover (): Promise<void> {
    const { fault } = this
    this.fault = undefined
    if (fault === 'dead') await this.open()
    for (const socket of this.#held) socket.destroy()
  }

  #onRequest (request: IncomingMessage, response: ServerResponse): void {
    const { method, url = '', socket } = request
    const isCheck = url === HEALTH
    const number = idIn(url) ?? 0
    if (!isCheck) {
      this.arrivedAt.push(performance.now())
      if (method === 'POST') this.#posts.set(number, (this.#posts.get(number) ?? 0) + 1)
    }
    let length = 0
    request.on('error', () => {})
    request.on('data', (chunk: Buffer) => { length += chunk.length })
    if (this.fault === 'resetting') {
      socket.resetAndDestroy()
    } else if (this.fault === 'hung') {
      this.#held.add(socket)
    } else {
      const work = (isCheck ? 0 : workFor(this.#seed, number)) + (this.fault === 'slow' ? SLOWNESS : 0)
      request.on('end', () => setTimeout(() => response.writeHead(200, { 'x-id': number, 'x-length': length }).end('{"fine":true}'), work))
    }
  }
}
