import cluster from 'node:cluster'
import type { ProcessSource } from '../admin/process-source.js'
import { ConfigError } from '../config/config-error.js'
import { keepTickShape } from '../node/tick-shape.js'
import type { Question, Told, ToSupervisor, ToWorker } from './messages.js'

// The process that serves. Its supervisor tells it what to run, and when others have taken over.

keepTickShape()
let tell = (err: unknown): void => { console.error(`fastify-stream-gateway: ${err instanceof Error ? err.message : String(err)}`) }

process.on('uncaughtException', err => {
  if (err instanceof ConfigError) console.error(err.message)
  else tell(err)
  process.exit(1)
})

const { worker: self } = cluster
if (self === undefined) throw new Error('this is started by the command: fastify-stream-gateway start')

self.send('waiting' satisfies ToSupervisor)
// It tells nothing else before.
const { run } = await new Promise<Extract<ToWorker, { run: unknown }>>(resolve => { process.once('message', resolve) })
const { serve } = await import('./serve.js')
const service = await serve(run, log => {
  tell = err => log.fatal({ err }, 'uncaught error')
}, async source => {
  // Of this process nobody could ask any more, and what was counted is to stay counted.
  const last = await source.ownMetrics()
  if (self.isConnected()) await new Promise<void>(resolve => { self.send({ last } satisfies ToSupervisor, () => resolve()) })
})
const { admin, source } = service

process.on('message', (message: ToWorker) => {
  if (message === 'give way') service.giveWay()
  // As the signal itself, but that it does not start the debugger where nobody listens for it.
  else if (message === 'reopen') process.emit('SIGUSR1', 'SIGUSR1')
  else if ('ask' in message && source !== undefined) respond(source, message).catch(ignore)
})
self.once('disconnect', () => {
  // Or Node would end the process at once.
  self.exitedAfterDisconnect = true
  service.end()
})
self.send({ listening: admin === undefined ? null : { settings: admin, configuration: source?.configuration } } satisfies ToSupervisor)

async function respond (source: ProcessSource, question: Question): Promise<void> {
  const told = await responseTo(source, question)
  // The supervisor may be gone by now.
  if (process.connected) process.send?.(told satisfies ToSupervisor, undefined, undefined, ignore)
}

async function responseTo (source: ProcessSource, question: Question): Promise<Told> {
  const { nth } = question
  if (question.ask === 'explain') return { nth, explained: await source.explain(question.given) }
  return question.ask === 'state' ? { nth, state: await source.state() } : { nth, metrics: await source.ownMetrics() }
}

/** Who does not tell how it stands is counted as silent. */
function ignore (): void {}
