import { deepStrictEqual, ok, strictEqual } from 'node:assert'
import { request } from 'node:http'
import type { IncomingHttpHeaders } from 'node:http'
import type { Running } from './contenders/index.js'
import { ORIGIN } from './contenders/policy.js'
import type { Shot } from './loads/load.js'

// A contender that answers wrongly, or leaves out a part of the work, is not worth measuring.

export async function checkAnswer (port: number, shot: Shot, expected: Buffer): Promise<void> {
  const { status, body } = await ask(port, shot)
  strictEqual(status, 200, `${shot.path}: answered ${status}`)
  ok(body.equals(expected), `${shot.path}: the body is not the service's`)
}

/** CORS, rate limit and forwarded fields, so that the same work is compared. */
export async function checkDuties ({ contender, port }: Running): Promise<void> {
  if (contender.file === undefined) return
  const { status, headers, body } = await ask(port, { method: 'GET', path: '/api/seen', headers: { Origin: ORIGIN } })
  strictEqual(status, 200, `/api/seen: answered ${status}`)
  strictEqual(headers['access-control-allow-origin'], ORIGIN, 'no CORS')
  // nginx and haproxy count as well, but tell nobody.
  if (!contender.keeper) ok(headers['x-ratelimit-limit'] !== undefined, 'no rate limit')
  const seen = JSON.parse(body.toString()) as IncomingHttpHeaders
  deepStrictEqual(
    [seen['x-forwarded-for'], seen['x-forwarded-proto'], seen['x-forwarded-host']],
    ['127.0.0.1', 'http', `127.0.0.1:${port}`],
    'the forwarded fields are not as they should be')
}

interface Answer {
  status: number | undefined
  headers: IncomingHttpHeaders
  body: Buffer
}

async function ask (port: number, { method, path, headers, body }: Shot): Promise<Answer> {
  return await new Promise((resolve, reject) => {
    const call = request({ host: '127.0.0.1', port, method, path, headers, agent: false }, response => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, body: Buffer.concat(chunks) }))
    })
    call.setTimeout(10_000, () => call.destroy(new Error(`${path}: no answer`)))
    call.on('error', reject)
    call.end(body)
  })
}
