import { WebSocket } from 'ws'
import type { RawData } from 'ws'
import { bodyOf } from '../bodies.js'
import type { Seen } from '../observations.js'
import type { Plan } from '../plan.js'
import { fieldsOf } from './client.js'
import type { Client } from './client.js'
import { Recorder } from './recorder.js'

const MESSAGE = 3_000

/** Sends messages, and gets each of them back. */
export class WebSocketClient implements Client {
  constructor (readonly port: number) {}

  async run (plan: Plan, [path = '']: readonly string[]): Promise<Seen[]> {
    const websocket = new WebSocket(`ws://127.0.0.1:${this.port}${path}`, { headers: fieldsOf(plan), perMessageDeflate: false, handshakeTimeout: 20_000 })
    const recorder = new Recorder(plan, path, () => websocket.terminate())
    recorder.isCertain = true
    let count = 0
    const next = (): void => {
      websocket.send(bodyOf(plan.number + count, 'request', MESSAGE))
    }
    websocket.on('open', () => {
      recorder.moved()
      recorder.status = 101
      next()
    })
    websocket.on('message', data => {
      recorder.moved()
      if (!bytesOf(data).equals(bodyOf(plan.number + count, 'request', MESSAGE))) recorder.spoil()
      count++
      if (plan.leaving !== undefined && count === 2) {
        recorder.finish('left')
        websocket.terminate()
      } else if (count < plan.count) {
        next()
      } else {
        recorder.answeredAsPlanned(101)
        recorder.finish('whole')
        websocket.close(1000)
      }
    })
    websocket.on('unexpected-response', (request, response) => {
      recorder.head(response.statusCode ?? 0, response.headers)
      response.on('data', (chunk: Buffer) => recorder.data(chunk))
      response.on('end', () => {
        recorder.finish(response.complete ? 'whole' : 'broken')
        request.destroy()
      })
      response.on('error', () => {})
      response.on('close', () => recorder.finish('broken'))
    })
    websocket.on('error', error => recorder.note(error.message))
    websocket.on('close', code => recorder.finish('broken', `closed with ${code}`))
    return [await recorder.seen]
  }

  close (): void {}
}

function bytesOf (data: RawData): Buffer {
  if (Array.isArray(data)) return Buffer.concat(data)
  return data instanceof ArrayBuffer ? Buffer.from(data) : data
}
