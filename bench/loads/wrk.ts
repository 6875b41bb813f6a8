import { execFile } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { installed, programVersion } from '../machine.js'
import type { Cpus } from '../machine.js'
import { temporaryDirectory } from '../temporary.js'
import { errorsOf } from './load.js'
import type { Load, LoadResult, Shot, Volley } from './load.js'

interface Summary {
  requests: number
  microseconds: number
  p50: number
  p99: number
  connect: number
  read: number
  write: number
  status: number
  timeout: number
}

/** How long an answer may take before it counts as an error; wrk's own two seconds are few with thousands of clients. */
const PATIENCE = '10s'

/** What wrk prints besides is for people; this line is the last one. */
const DONE = `
function done (summary, latency)
  local e = summary.errors
  io.write(string.format(
    '\\n{"requests":%d,"microseconds":%d,"p50":%d,"p99":%d,"connect":%d,"read":%d,"write":%d,"status":%d,"timeout":%d}\\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    e.connect, e.read, e.write, e.status, e.timeout))
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

export function wrkLoad ({ load: cpu }: Cpus): Load {
  if (!installed('wrk')) throw new Error('wrk is not installed')
  const script = join(temporaryDirectory('wrk'), 'shot.lua')
  let current: ChildProcess | undefined

  return {
    name: programVersion('wrk', '-v').replace(/ \[.*$/, ''),
    async fire (volley) {
      writeFileSync(script, scriptFor(volley.shot))
      return parse(await run(volley))
    },
    async stop () {
      current?.kill('SIGKILL')
    }
  }

  async function run ({ shot, port, seconds, connections }: Volley): Promise<string> {
    const command = ['wrk', '-t', '1', '-c', `${connections}`, '-d', `${seconds}s`, '--timeout', PATIENCE, '-s', script, `http://127.0.0.1:${port}${shot.path}`]
    const [file = '', ...args] = cpu === undefined ? command : ['taskset', '-c', `${cpu}`, ...command]
    return await new Promise((resolve, reject) => {
      current = execFile(file, args, (error, stdout) => {
        current = undefined
        if (error === null) resolve(stdout)
        else reject(error)
      })
    })
  }
}

function scriptFor ({ method, paths, headers, body }: Shot): string {
  const fields = Object.entries(headers).map(([name, value]) => `wrk.headers[${JSON.stringify(name)}] = ${JSON.stringify(value)}`)
  return [
    `wrk.method = ${JSON.stringify(method)}`,
    ...fields,
    ...(body === undefined ? [] : [`wrk.body = ${JSON.stringify(body)}`]),
    ...(paths === undefined ? [] : [`local paths = { ${paths.map(path => JSON.stringify(path)).join(', ')} }`, IN_TURN]),
    DONE
  ].join('\n')
}

function parse (output: string): LoadResult {
  const { requests, microseconds, p50, p99, connect, read, write, status, timeout } = JSON.parse(output.trim().split('\n').at(-1) ?? '') as Summary
  return {
    requests,
    seconds: microseconds / 1e6,
    p50: p50 / 1000,
    p99: p99 / 1000,
    errors: errorsOf({
      'connect errors': connect, 'read errors': read, 'write errors': write, 'answers with 4xx or 5xx': status, timeouts: timeout
    })
  }
}
