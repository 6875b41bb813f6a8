import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { temporaryDirectory } from './machine.js'
import { Process } from './process.js'
import type { Shot } from './shots.js'

/** Seconds: longer than any scenario takes. It is told when to end. */
const DURATION = 3_600
/** Seconds that a response may take: it includes all turns of the others. */
const PATIENCE = 120

/** What wrk prints besides is for people. */
const DONE = `
function done (summary)
  local e = summary.errors
  io.write(string.format('\\n"connect":%d, "read":%d, "write":%d, "status":%d, "timeout":%d\\n', e.connect, e.read, e.write, e.status, e.timeout))
end
`

/** With `paths` given: all requests are written beforehand. */
const IN_TURN = `
local requests, turn = {}, 0
function init ()
  for index, path in ipairs(paths) do requests[index] = wrk.format(nil, path) end
end
function request ()
  turn = turn % #requests + 1
  return requests[turn]
end
`

/** A process of wrk, which sends the next request on each connection when the last has its response. It can be stopped and continued. */
export class Load {
  readonly #process: Process

  constructor (shot: Shot, port: number, connections: number) {
    const script = join(temporaryDirectory(), 'shot.lua')
    writeFileSync(script, scriptFor(shot))
    const options = ['-t', '1', '-c', `${connections}`, '-d', `${DURATION}s`, '--timeout', `${PATIENCE}s`, '-s', script]
    this.#process = new Process({ command: ['wrk', ...options, `http://127.0.0.1:${port}${shot.path}`], piped: true })
  }

  /** Lets it work for so many milliseconds. Returns how many it was. */
  async work (milliseconds: number): Promise<number> {
    const start = performance.now()
    this.#process.signal('SIGCONT')
    await setTimeout(milliseconds)
    this.#process.signal('SIGSTOP')
    return performance.now() - start
  }

  /** Returns what failed. */
  async end (): Promise<string[]> {
    if (this.#process.ended) return ['wrk ended early']
    this.#process.signal('SIGCONT')
    // wrk ends when its first thread is told, and a signal may reach another one.
    const again = setInterval(() => this.#process.signal('SIGINT'), 500)
    await setTimeout(50)
    await this.#process.stop('SIGINT')
    clearInterval(again)
    const counts = [...this.#process.output.matchAll(/"(connect|read|write|status|timeout)": ?(\d+)/g)]
    if (counts.length === 0) return ['wrk did not say how it went']
    return counts.filter(([, , count]) => count !== '0').map(([, kind, count]) => `${count} × ${kind}`)
  }
}

function scriptFor ({ method, paths, headers, body }: Shot): string {
  return [
    `wrk.method = ${JSON.stringify(method)}`,
    ...Object.entries(headers).map(([name, value]) => `wrk.headers[${JSON.stringify(name)}] = ${JSON.stringify(value)}`),
    ...(body === undefined ? [] : [`wrk.body = ${JSON.stringify(body)}`]),
    ...(paths === undefined ? [] : [`local paths = { ${paths.map(path => JSON.stringify(path)).join(', ')} }`, IN_TURN]),
    DONE
  ].join('\n')
}
