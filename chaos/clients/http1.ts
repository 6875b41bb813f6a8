import * as http from 'node:http'
import * as https from 'node:https'
import type { ClientRequest, IncomingMessage } from 'node:http'
import { setTimeout as pass } from 'node:timers/promises'
import type { Plan } from '../plan.js'
import { fieldsOf, rest, upload } from './client.js'
import type { Client } from './client.js'
import { Recorder } from './recorder.js'
import type { Seen } from '../observations.js'

/** Requests on kept connections, as Node's own client makes them. */
export class Http1Client implements Client {
  readonly #agent: http.Agent
  readonly #request: typeof http.request

  /** @param ca for TLS; without it there is none */
  constructor (readonly port: number, ca?: string) {
    this.#request = ca === undefined ? http.request : https.request
    const options = { keepAlive: true, maxFreeSockets: 8 }
    this.#agent = ca === undefined ? new http.Agent(options) : new https.Agent({ ...options, ca, servername: 'localhost' })
  }

  async run (plan: Plan, [path = '']: readonly string[]): Promise<Seen[]> {
    const headers = { ...fieldsOf(plan), ...(plan.upload?.framing === 'chunked' && { 'transfer-encoding': 'chunked' }) }
    const request = this.#request({ host: '127.0.0.1', port: this.port, method: plan.method, path, agent: this.#agent, headers })
    const recorder = new Recorder(plan, path, () => request.destroy())
    const leave = (): void => {
      recorder.finish('left', plan.leaving?.how)
      leaveBy(request, plan.leaving?.how)
    }
    request.on('response', response => read(response, plan, recorder, request, leave))
    request.on('error', (error: NodeJS.ErrnoException) => {
      // A kept connection may be closed by the gateway at the moment that a request is written to it.
      recorder.isCertain = !request.reusedSocket && error.code !== 'ECONNREFUSED'
      // The response may lie in the socket still, or be under way to its reader.
      if (recorder.status === undefined) recorder.finish('broken', error.code ?? error.message)
    })
    request.on('close', () => { if (recorder.status === undefined) recorder.finish('broken', 'closed') })
    request.flushHeaders()
    if (plan.leaving?.when === 'at once') {
      await pass(plan.number % 20)
      leave()
    } else if (plan.upload === undefined) {
      request.end()
    } else {
      await upload(plan, request, recorder, leave)
    }
    return [await recorder.seen]
  }

  close (): void {
    this.#agent.destroy()
  }
}

function read (response: IncomingMessage, plan: Plan, recorder: Recorder, request: ClientRequest, leave: () => void): void {
  recorder.head(response.statusCode ?? 0, response.headers)
  response.on('data', (chunk: Buffer) => {
    recorder.data(chunk)
    if (plan.leaving?.when === 'response') leave()
    else if (plan.isSlow) rest(response)
  })
  response.on('end', () => {
    recorder.finish(response.complete ? 'whole' : 'broken')
    // The rest of the body is nobody's.
    if (!request.writableFinished) request.destroy()
  })
  response.on('error', (error: NodeJS.ErrnoException) => recorder.finish('broken', error.code))
  response.on('close', () => recorder.finish('broken', 'closed'))
}

function leaveBy (request: ClientRequest, how: 'reset' | 'end' | 'cancel' | undefined): void {
  const { socket } = request
  if (how === 'end' && socket !== null) {
    // The other side closes when it sees that nothing more comes.
    socket.end()
    setTimeout(() => request.destroy(), 300)
  } else if (how === 'reset' && socket !== null && !('encrypted' in socket)) {
    socket.resetAndDestroy()
  } else {
    request.destroy()
  }
}
