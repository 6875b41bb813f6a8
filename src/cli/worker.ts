import cluster from 'node:cluster'
import { once } from 'node:events'
import { keepTickShape } from '../node/tick-shape.js'
import type { ToSupervisor, ToWorker } from './messages.js'

// The process that serves. Its supervisor tells it what to run, and when others have taken over.

keepTickShape()
let tell = (err: unknown): void => { console.error(`fastify-stream-gateway: ${err instanceof Error ? err.message : String(err)}`) }

process.on('uncaughtException', err => {
  tell(err)
  process.exit(1)
})

const { worker: self } = cluster
if (self === undefined) throw new Error('this is started by the command: fastify-stream-gateway start')

self.send('waiting' satisfies ToSupervisor)
const [first]: ToWorker[] = await once(process, 'message')
if (first === undefined || typeof first === 'string') throw new Error('the supervisor sent no configuration')
const { serve } = await import('./serve.js')
const service = await serve(first.run, log => {
  tell = err => log.fatal({ err }, 'uncaught error')
})

process.on('message', (message: ToWorker) => {
  if (message === 'give way') service.giveWay()
  // As the signal itself, but that it does not start the debugger where nobody listens for it.
  else process.emit('SIGUSR1', 'SIGUSR1')
})
self.once('disconnect', () => {
  // Or Node would end the process at once.
  self.exitedAfterDisconnect = true
  service.end()
})
self.send('listening' satisfies ToSupervisor)
