import { get as getHttp } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { get as getHttps } from 'node:https'

/** Milliseconds that it may take, all in all. */
const TIMEOUT = 5_000
/** Bytes. */
const MOST = 512 * 1024

/**
 * Fetches a text that a 200 has: a redirect is followed nowhere, as nobody has named that place.
 *
 * @throws Error for any other response, one that is too long, or none in time
 */
export async function fetchText (url: string, timeout = TIMEOUT): Promise<string> {
  return await new Promise((resolve, reject) => {
    const get = url.startsWith('https:') ? getHttps : getHttp
    const request = get(url, { agent: false, headers: { accept: 'application/json' } }, response => {
      read(response).then(resolve, reject)
    })
    const timer = setTimeout(() => request.destroy(new Error(`no response within ${timeout} ms`)), timeout).unref()
    request.on('error', reject)
    // Where nobody listens for it, Node breaks the connection off and tells nobody.
    request.on('upgrade', (_response, connection) => {
      connection.destroy()
      reject(new Error('the response is a 101'))
    })
    request.on('close', () => clearTimeout(timer))
  })
}

async function read (response: IncomingMessage): Promise<string> {
  try {
    if (response.statusCode !== 200) throw new Error(`the response is a ${response.statusCode}`)
    const chunks: Buffer[] = []
    let size = 0
    for await (const chunk of response) {
      size += chunk.length
      if (size > MOST) throw new Error(`the response has more than ${MOST} bytes`)
      chunks.push(chunk)
    }
    return Buffer.concat(chunks).toString()
  } finally {
    response.destroy()
  }
}
