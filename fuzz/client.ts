import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { setImmediate } from 'node:timers/promises'

/** How a client leaves: after its responses, after its last byte with its side closed, or without a word. */
export type Leaving = 'in order' | 'half-close' | 'abort'

/** What came of a client, for one that has not run. */
export const NOBODY: Pick<Client, 'text' | 'ended' | 'address' | 'broken'> = { text: '', ended: false, address: '', broken: false }

/** Milliseconds until a client that got no byte gives up waiting for the next. */
const PATIENCE = 25_000

/** A client that speaks bytes, from an address of its own by which its requests are known at the service. */
export class Client {
  /** What arrived, as latin-1. */
  text = ''
  /** The gateway has closed its side. */
  ended = false
  closed = false
  /** Closed by an error. */
  broken = false
  readonly socket: Socket
  #wake: () => void = () => {}

  /** @param isSecure whether over TLS, and then with HTTP/2 */
  constructor (port: number, readonly address: string, isSecure = false) {
    const options = { port, host: '127.0.0.1', localAddress: address, allowHalfOpen: true }
    this.socket = isSecure ? connectTls({ ...options, ALPNProtocols: ['h2'], rejectUnauthorized: false }) : connect(options)
    this.socket.setNoDelay()
    this.socket.on('data', chunk => {
      this.text += chunk.toString('latin1')
      this.#wake()
    })
    this.socket.on('end', () => {
      this.ended = true
      this.#wake()
    })
    this.socket.on('error', () => {})
    this.socket.on('close', hadError => {
      this.closed = true
      this.broken = hadError
      this.#wake()
    })
  }

  async send (pieces: readonly string[]): Promise<void> {
    for (const piece of pieces) {
      if (!this.socket.writable) return
      this.socket.write(piece, 'latin1')
      await setImmediate()
    }
  }

  /**
   * Waits until `isDone` or the gateway has closed its side.
   *
   * @param patience milliseconds without a byte
   * @returns `false` when it lost patience
   */
  async until (isDone: () => boolean, patience = PATIENCE): Promise<boolean> {
    while (!isDone() && !this.ended && !this.closed) {
      if (!await this.#somethingHappens(patience)) return false
    }
    return true
  }

  async #somethingHappens (patience: number): Promise<boolean> {
    return await new Promise(resolve => {
      const timer = setTimeout(resolve, patience, false)
      this.#wake = () => {
        clearTimeout(timer)
        resolve(true)
      }
    })
  }

  /** Closes this side, and waits until the other one is closed, too; `false` when it lost patience. */
  async leave (patience = PATIENCE): Promise<boolean> {
    this.socket.end()
    while (!this.closed) {
      if (!await this.#somethingHappens(patience)) {
        this.socket.destroy()
        return false
      }
    }
    return true
  }

  /** Breaks the connection off. */
  async abort (): Promise<void> {
    this.socket.destroy()
    while (!this.closed) await this.#somethingHappens(PATIENCE)
  }
}

/**
 * An address of the loopback network for each case, where every one of them is there (Linux); elsewhere the one
 * there is, with one case at a time.
 */
export function addressOf (number: number, platform: NodeJS.Platform = process.platform): string {
  return platform === 'linux' ? `127.${1 + ((number >> 16) & 127)}.${(number >> 8) & 255}.${number & 255}` : '127.0.0.1'
}
