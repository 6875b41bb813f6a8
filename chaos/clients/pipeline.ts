import { connect } from 'node:net'
import { readResponse, values } from '../../fuzz/grammar.js'
import type { Message } from '../../fuzz/grammar.js'
import type { Seen } from '../observations.js'
import type { Plan } from '../plan.js'
import type { Client } from './client.js'
import { Recorder } from './recorder.js'

/** Several requests at once on a connection of their own, and their responses in the same order. */
export class PipelineClient implements Client {
  constructor (readonly port: number) {}

  async run (plan: Plan, paths: readonly string[]): Promise<Seen[]> {
    const socket = connect({ host: '127.0.0.1', port: this.port, noDelay: true, allowHalfOpen: true })
    const recorders = paths.map((path, nth) => new Recorder({ ...plan, number: plan.number + nth }, path, () => socket.destroy()))
    let text = ''
    let at = 0
    const onBytes = (ended: boolean): void => {
      for (const recorder of recorders) {
        if (recorder.isOver) continue
        recorder.moved()
        const response = readResponse(text, at, 'GET', ended)
        if (typeof response === 'string') {
          if (response === 'malformed') socket.destroy()
          return
        }
        if (response.state !== 'whole') {
          if (response.state === 'malformed') socket.destroy()
          return
        }
        at = response.end
        record(response, recorder, 'whole')
      }
      if (recorders.every(({ isOver }) => isOver)) socket.end()
    }
    socket.on('data', chunk => {
      text += chunk.toString('latin1')
      onBytes(false)
      if (plan.leaving?.when !== 'response' || at === 0) return
      for (const recorder of recorders) recorder.finish('left')
      socket.resetAndDestroy()
    })
    socket.on('end', () => {
      onBytes(true)
      socket.end()
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      // Of one that came in part, the head counts.
      const part = readResponse(text, at, 'GET', false)
      const current = recorders.find(({ isOver }) => !isOver)
      if (typeof part === 'object' && current !== undefined) record(part, current, 'broken')
      for (const recorder of recorders) recorder.finish('broken')
    })
    socket.write(recorders.map(({ path, plan: { number } }) => `GET ${path} HTTP/1.1\r\nHost: chaos\r\nX-Id: ${number}\r\n\r\n`).join(''))
    // The others need not be read behind a response that closes the connection.
    for (const recorder of recorders.slice(0, 1)) recorder.isCertain = true
    if (plan.leaving?.when === 'at once') {
      setTimeout(() => {
        for (const recorder of recorders) recorder.finish('left')
        socket.destroy()
      }, plan.number % 20)
    }
    return await Promise.all(recorders.map(({ seen }) => seen))
  }

  close (): void {}
}

function record ({ line: [, status], fields, body }: Message, recorder: Recorder, end: 'whole' | 'broken'): void {
  const names = ['x-id', 'x-status', 'x-length', 'x-sum']
  recorder.head(Number(status), Object.fromEntries(names.flatMap(name => values(fields, name).map(value => [name, value]))))
  recorder.data(Buffer.from(body, 'latin1'))
  recorder.finish(end)
}
