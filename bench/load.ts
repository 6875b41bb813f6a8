import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { installed, packageVersions, programVersion, ROOT, temporaryDirectory } from './machine.js'
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

/** wrk where it is installed: what it costs less, the upstream beside it has more. */
const hasWrk = installed('wrk')
export const loadVersion = hasWrk ? programVersion('wrk', '-v') : packageVersions('autocannon')

/** A process that sends the next request on each connection when the last has its response. It can be stopped and continued. */
export class Load {
  readonly #process: Process

  constructor (shot: Shot, port: number, connections: number) {
    const url = `http://127.0.0.1:${port}${shot.path}`
    const command = hasWrk ? wrk(shot, url, connections) : autocannon(shot, url, connections)
    this.#process = new Process({ command, piped: true })
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
    if (this.#process.ended) return ['the load ended early']
    this.#process.signal('SIGCONT')
    // wrk ends when its first thread is told, and a signal may reach another one.
    const again = setInterval(() => this.#process.signal('SIGINT'), 500)
    await setTimeout(50)
    await this.#process.stop('SIGINT')
    clearInterval(again)
    const counts = [...this.#process.output.matchAll(/"(connect|read|write|status|timeouts?|errors|non2xx)": ?(\d+)/g)]
    if (counts.length === 0) return ['the load tells nothing']
    return counts.filter(([, , count]) => count !== '0').map(([, kind, count]) => `${count} × ${kind}`)
  }
}

function wrk (shot: Shot, url: string, connections: number): string[] {
  const script = join(temporaryDirectory(), 'shot.lua')
  const { method, paths, headers, body } = shot
  writeFileSync(script, [
    `wrk.method = ${JSON.stringify(method)}`,
    ...Object.entries(headers).map(([name, value]) => `wrk.headers[${JSON.stringify(name)}] = ${JSON.stringify(value)}`),
    ...(body === undefined ? [] : [`wrk.body = ${JSON.stringify(body)}`]),
    ...(paths === undefined ? [] : [`local paths = { ${paths.map(path => JSON.stringify(path)).join(', ')} }`, IN_TURN]),
    DONE
  ].join('\n'))
  return ['wrk', '-t', '1', '-c', `${connections}`, '-d', `${DURATION}s`, '--timeout', `${PATIENCE}s`, '-s', script, url]
}

function autocannon ({ method, headers, body }: Shot, url: string, connections: number): string[] {
  return [
    process.execPath, join(ROOT, 'node_modules/autocannon/autocannon.js'), '--json', '--no-progress',
    '-c', `${connections}`, '-d', `${DURATION}`, '-t', `${PATIENCE}`, '-m', method,
    ...Object.entries(headers).flatMap(([name, value]) => ['-H', `${name}=${value}`]),
    ...(body === undefined ? [] : ['-b', body]),
    url
  ]
}
