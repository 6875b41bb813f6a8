import { once } from 'node:events'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { ORIGIN } from '../contenders/duties.js'

/** A client that asks for a small GET on one connection. */
export class Client {
  readonly #socket: Socket
  readonly #request: string

  private constructor (port: number) {
    this.#request = `GET /api/small HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nOrigin: ${ORIGIN}\r\n\r\n`
    this.#socket = connect({ port, host: '127.0.0.1', noDelay: true }).setEncoding('latin1').on('error', () => {})
  }

  static async open (port: number): Promise<Client> {
    const client = new Client(port)
    await once(client.#socket, 'connect')
    return client
  }

  get isOpen (): boolean {
    return this.#socket.readyState === 'open'
  }

  /** @param done is told whether the upstream's response came */
  ask (done: (right: boolean) => void): void {
    let received = ''
    const end = (right: boolean): void => {
      this.#socket.off('data', read).off('close', fail)
      done(right)
    }
    const read = (text: string): void => {
      received += text
      if (isWhole(received)) end(received.startsWith('HTTP/1.1 200 '))
    }
    const fail = (): void => end(false)
    this.#socket.on('data', read).on('close', fail)
    this.#socket.write(this.#request)
  }

  close (): void {
    this.#socket.destroy()
  }
}

/** All contenders pass on the upstream's Content-Length. */
function isWhole (response: string): boolean {
  const end = response.indexOf('\r\n\r\n')
  const length = Number(/\r\ncontent-length: *(\d+)/i.exec(response)?.[1])
  return end >= 0 && response.length >= end + 4 + length
}
