import cluster from 'node:cluster'
import type { Worker } from 'node:cluster'
import { once } from 'node:events'
import { availableParallelism } from 'node:os'
import { setTimeout as pass } from 'node:timers/promises'
import Fastify from 'fastify'
import type { FastifyInstance } from 'fastify'
// Before the app, for it takes over what stands in a file `.env`.
import cli from 'fastify-cli/helper.js'
// A wrong routes.json ends the process here, before there is a worker.
import { options } from '../app.js'
import { beginDraining, endProcess, stopAccepting } from '../server/drain.js'

/** Milliseconds before a worker that died is replaced, at least and at most: twice the last ones, less those that it served. */
const SHORTEST_PAUSE = 100
const LONGEST_PAUSE = 10_000
/** Milliseconds in which a replaced worker still serves what comes on kept connections. */
const LAST_REQUESTS = 5_000

if (cluster.worker === undefined) lead(workersWanted(process.env.CLUSTER_WORKERS))
else await work(cluster.worker)

function workersWanted (text = String(availableParallelism())): number {
  const number = Number(text)
  if (Number.isInteger(number) && number > 0) return number
  console.error(`CLUSTER_WORKERS: found ${JSON.stringify(text)}, must be a whole number from 1`)
  process.exit(1)
}

/** The primary: sees that there are as many workers as wanted, and touches no connection. */
function lead (wanted: number): void {
  const { log } = Fastify(options)
  const workers = new Set<Worker>()
  /** Those that were told to go. */
  const leaving = new Set<Worker>()
  let everListened = false
  let stopping = false
  let restarts = 0
  let pause = 0

  // All workers accept from the kernel's one queue, which outlives each of them. Node's round robin balances no better,
  // costs a message per connection, and sends one over `maxConnections` back and forth, at full speed, until it fits.
  cluster.schedulingPolicy = cluster.SCHED_NONE
  process.on('SIGTERM', stop).on('SIGINT', stop).on('SIGHUP', restart)
  startAll()

  async function startAll (): Promise<void> {
    log.info({ workers: wanted }, 'cluster: starting')
    // What hinders the first would hinder all of them, and is to be told once.
    if (await start() && !stopping) {
      await Promise.all(Array.from({ length: wanted - 1 }, start))
      log.info('cluster: started')
    }
  }

  /** @returns whether it came to listen */
  async function start (): Promise<boolean> {
    const worker = cluster.fork()
    let since = Infinity
    workers.add(worker)
    return await new Promise(resolve => {
      const gone = (end: unknown): void => {
        resolve(false)
        onGone(worker, Math.max(0, Date.now() - since), end)
      }
      // Fails when there cannot be another process.
      once(worker, 'exit').then(gone, gone)
      worker.once('message', () => {
        everListened = true
        since = Date.now()
        resolve(true)
      })
    })
  }

  /** @param end exit status and signal, or why it could not be started */
  function onGone (worker: Worker, served: number, end: unknown): void {
    workers.delete(worker)
    const expected = leaving.delete(worker)
    if (stopping) {
      endAfterLast()
    } else if (!everListened) {
      process.exit(1)
    } else if (!expected) {
      log.error({ worker: worker.process.pid, end }, 'cluster: a worker died')
      replace(served)
    }
  }

  async function replace (served: number): Promise<void> {
    pause = Math.min(Math.max(SHORTEST_PAUSE, pause * 2 - served), LONGEST_PAUSE)
    await pass(pause)
    // A restart may have filled the place.
    if (!stopping && workers.size - leaving.size < wanted) await start()
  }

  /** What asks for another one meanwhile gets it afterwards: the configuration may have changed once more. */
  async function restart (): Promise<void> {
    restarts++
    if (restarts > 1) return
    while (restarts > 0) {
      restarts = 1
      log.info('cluster: restarting')
      await replaceAll()
      restarts--
    }
  }

  /** One after another, each when the new one listens. A new one reads the configuration as it is then. */
  async function replaceAll (): Promise<void> {
    for (const old of [...workers].filter(worker => !leaving.has(worker))) {
      if (!await start()) {
        log.error('cluster: a new worker did not come up, the restart ends here')
        return
      }
      if (!workers.has(old)) continue
      leaving.add(old)
      // It may be dying just now, which is dealt with when it has.
      old.send('leave', ignore)
    }
    log.info('cluster: restarted')
  }

  function stop (): void {
    if (stopping) return
    stopping = true
    log.info('cluster: stopping')
    for (const { process } of workers) process.kill('SIGTERM')
    endAfterLast()
  }

  function endAfterLast (): void {
    if (workers.size === 0) process.exit(0)
  }
}

/** A worker: the service as `npm start` runs it, with an end of its own. */
async function work (self: Worker): Promise<void> {
  const fastify: FastifyInstance = await cli.listen(process.argv.slice(2))
  const close = (): void => { endProcess(fastify, 0) }

  process.once('message', leave)
  self.once('disconnect', () => {
    // Or Node would end the process at once.
    self.exitedAfterDisconnect = true
    close()
  })
  self.send('listening')

  /**
   * Accepts nothing more, and waits before it closes: what is on its way on a kept connection would be lost. Whatever
   * comes gets its response, and the client is told that it was the last of its connection.
   */
  function leave (): void {
    beginDraining(fastify.server)
    stopAccepting(fastify.server)
    setTimeout(close, LAST_REQUESTS)
  }
}

function ignore (): void {}
