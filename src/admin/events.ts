import type { ServerResponse } from 'node:http'
import { GatewayError } from '../proxy/errors.js'
import type { Log, Source } from './source.js'
import type { StateReader } from './state.js'

/** Milliseconds from one event to the next. */
const INTERVAL = 1_000

/** Tells how it stands, once a second, to all who follow; nothing is read where nobody does. */
export class Events {
  readonly #source: Source
  readonly #reader: StateReader
  readonly #log: Pick<Log, 'error'>
  readonly #following = new Set<ServerResponse>()
  #timer: NodeJS.Timeout | undefined
  #configuration: unknown

  constructor (source: Source, reader: StateReader, log: Pick<Log, 'error'>) {
    this.#source = source
    this.#reader = reader
    this.#log = log
  }

  /** @returns why not */
  follow (response: ServerResponse, most: number): GatewayError | undefined {
    if (this.#following.size >= most) return new GatewayError('SERVICE_UNAVAILABLE', 'Too many follow these events')
    this.#following.add(response)
    response.once('close', () => this.#leave(response))
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    this.#configuration = this.#source.configuration
    response.write(eventOf(this.#configuration, 'configuration'))
    this.#tell([response])
    this.#timer ??= setInterval(() => this.#tellAll(), INTERVAL).unref()
    return undefined
  }

  close (): void {
    for (const response of this.#following) response.end()
  }

  #leave (response: ServerResponse): void {
    this.#following.delete(response)
    if (this.#following.size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  #tellAll (): void {
    const { configuration } = this.#source
    if (configuration !== this.#configuration) {
      this.#configuration = configuration
      for (const response of this.#following) response.write(eventOf(configuration, 'configuration'))
    }
    // Who does not read is told nothing more until they have.
    this.#tell([...this.#following].filter(({ writableNeedDrain }) => !writableNeedDrain))
  }

  async #tell (responses: readonly ServerResponse[]): Promise<void> {
    try {
      const event = eventOf(await this.#reader.read())
      for (const response of responses) response.write(event)
    } catch (err) {
      this.#log.error({ err }, 'the admin listener failed')
      // Who follows comes again.
      for (const response of responses) response.destroy()
    }
  }
}

function eventOf (data: unknown, name?: string): string {
  return `${name === undefined ? '' : `event: ${name}\n`}data: ${JSON.stringify(data)}\n\n`
}
