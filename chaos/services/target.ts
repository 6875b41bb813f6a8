import type { Server, Socket } from 'node:net'
import { once } from 'node:events'
import { setTimeout as pass } from 'node:timers/promises'
import { Random } from '../../fuzz/random.js'
import { answerFor, faultFor, nextMood } from '../faults.js'
import type { Answer, Fault } from '../faults.js'
import type { Journal } from './journal.js'

/** Milliseconds to wait for a port that somebody else has taken meanwhile. */
const RETRY = 50

/** One address of a service. It listens, has moods, dies and comes back. */
export abstract class Target {
  mood: Fault = 'none'
  readonly sockets = new Set<Socket>()
  #port = 0
  #server: Server | undefined

  /** @param address one of its own, so that nobody's outgoing connection can take the port while nothing listens */
  constructor (readonly name: string, readonly seed: number, readonly index: number, readonly address: string, readonly journal: Journal) {}

  protected abstract createServer (): Server

  /** Whether a connection's end in order would say that what was sent on it is whole. */
  protected endsBody (_socket: Socket): boolean {
    return false
  }

  get url (): string {
    return `http://${this.address}:${this.#port}`
  }

  async open (): Promise<void> {
    const server = this.createServer()
    server.on('connection', socket => {
      this.sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => this.sockets.delete(socket))
    })
    while (!await this.#listens(server)) await pass(RETRY)
    this.#server = server
  }

  async #listens (server: Server): Promise<boolean> {
    try {
      server.listen(this.#port, this.address)
      await once(server, 'listening')
    } catch {
      return false
    }
    const address = server.address()
    if (address === null || typeof address === 'string') throw new TypeError('not listening on a port')
    this.#port = address.port
    return true
  }

  /** Nothing listens any more, and nothing is connected. */
  close (how: 'reset' | 'end'): void {
    this.#server?.close()
    this.#server = undefined
    for (const socket of this.sockets) {
      if (how === 'reset' || this.endsBody(socket)) socket.resetAndDestroy()
      else socket.destroy()
    }
  }

  /** Goes through its moods until it is told to stop; then it listens, and is calm. */
  async live (faults: readonly Fault[], signal: AbortSignal): Promise<void> {
    const random = new Random(this.seed, 2, this.index)
    while (!signal.aborted) {
      const { fault, milliseconds } = nextMood(random, faults)
      const end = performance.now() + milliseconds
      this.mood = fault
      if (fault === 'refuse') {
        this.close(random.pick(['reset', 'end']))
        await pass(milliseconds)
        await this.open()
      }
      if (fault === 'killed') await this.#dieUntil(end, random)
      await pass(Math.max(0, end - performance.now()))
    }
    this.mood = 'none'
  }

  async #dieUntil (end: number, random: Random): Promise<void> {
    while (performance.now() < end) {
      await pass(20 + random.below(150))
      this.close(random.pick(['reset', 'end']))
      await pass(5 + random.below(60))
      await this.open()
    }
  }

  protected readonly faultFor = (number: number): Fault => faultFor(new Random(this.seed, 3, this.index, number), this.mood)

  protected answerFor (number: number): Answer {
    return answerFor(new Random(this.seed, 4, this.index, number))
  }
}
